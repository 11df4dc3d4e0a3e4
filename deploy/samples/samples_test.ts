import { deepEqual, match, ok } from "node:assert/strict";

const text = (name: string) => Deno.readTextFile(new URL(`kms-plugin-python/${name}`, import.meta.url));

Deno.test("the sample plugin has less than a hundred lines of at most 120 characters", async () => {
  const lines = (await text("plugin.py")).trimEnd().split("\n");
  ok(lines.length < 100, `${lines.length} lines`);
  for (const line of lines) ok(line.length <= 120, line);
});

Deno.test("the sample's packages are pinned by exact versions and hashes", async () => {
  const lines = (await text("requirements.txt")).trimEnd().split("\n").filter((line) => !line.startsWith("#"));
  for (const line of lines) match(line, /^([a-z-]+==[0-9.]+ \\| {4}--hash=sha256:[0-9a-f]{64}( \\)?)$/);
  const named = lines.flatMap((line) => /^([a-z-]+)==/.exec(line)?.[1] ?? []);
  const imported = [...(await text("plugin.py")).matchAll(/^(?:import|from) (grpc|cryptography)/gm)].map(([, name]) =>
    name
  );
  deepEqual([...new Set(imported)].sort(), ["cryptography", "grpc"]);
  for (const name of ["cryptography", "grpcio", "grpcio-tools"]) ok(named.includes(name), name);
});

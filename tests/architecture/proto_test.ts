import { equal, ok } from "node:assert/strict";
import { sha256Hex } from "../../lib/base/bytes.ts";

const folder = new URL("../../proto/", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", folder));

for (const file of ["kms_v2.proto", "kms_v1beta1.proto", "sops_keyservice.proto", "LICENSE.MPL-2.0"]) {
  Deno.test(`proto/${file} is the very file that proto/README.md names by its hash`, async () => {
    const row = readme.split("\n").find((line) => line.startsWith(`| \`${file}\``));
    ok(row, "no row for this file");
    equal(row.match(/[0-9a-f]{64}/)?.[0], sha256Hex(await Deno.readFile(new URL(file, folder))));
  });
}

Deno.test("proto/README.md has a row for every proto, and each tag, checksum and licence", async () => {
  const protos = (await Array.fromAsync(Deno.readDir(folder))).filter(({ name }) => name.endsWith(".proto"));
  equal(readme.split("\n").filter((line) => /^\| `.*\.proto`/.test(line)).length, protos.length);
  const kms = ["k8s.io/kms", "v0.36.3", "h1:uHY7Vfec0IhuTWjO6u/u/6hE1DcZmCB7Xm/6+GQxkNs=", "Apache-2.0"];
  for (const word of kms) ok(readme.includes(word), word);
  for (const word of ["Mozilla Public License", "LICENSE.MPL-2.0"]) ok(readme.includes(word), word);
});

Deno.test("proto/README.md names the sops that the end-to-end tests build", async () => {
  const sums = await Deno.readTextFile(new URL("../e2e/servers/sops/go.sum", import.meta.url));
  const [, version, checksum] = /^github\.com\/getsops\/sops\/v3 (v\S+) (h1:\S+)$/m.exec(sums) ?? [];
  ok(version !== undefined && checksum !== undefined, "go.sum has no line for sops");
  ok(readme.includes(`\`${version}\``) && readme.includes(`\`${checksum}\``), `${version} ${checksum}`);
});

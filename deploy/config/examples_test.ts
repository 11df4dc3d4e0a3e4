import assert from "node:assert/strict";
import { environmentFrom } from "../../lib/config/environment.ts";
import { contentOf, type FakeFiles, fakeFiles } from "../../tests/support/fake_files.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { providerKinds } from "../../lib/provider/registry.ts";

const folder = new URL(".", import.meta.url);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => !name.endsWith(".ts")).sort();

const textOf = (name: string) => Deno.readTextFile(new URL(name, folder));

/** The files of the machine that an example refers to; settings in comments do not count. */
async function needsOf(name: string): Promise<readonly string[]> {
  const settings = (await textOf(name)).replaceAll(/(^|\s)#.*$/gm, "");
  return [...new Set([...settings.matchAll(/\/etc\/trousseau\/[\w.-]+/g)].map(([path]) => path))];
}

async function load(name: string, there: readonly string[]) {
  const contents: FakeFiles["contents"] = {
    [name]: await textOf(name),
    ...Object.fromEntries(there.map((path) => [path, contentOf(path)])),
  };
  return await loadConfig(name, environmentFrom(() => undefined), fakeFiles({ contents }));
}

for (const name of names) {
  Deno.test(`${name} loads, and writes only where the compiled program may`, async () => {
    const { providers } = await load(name, await needsOf(name));
    assert.ok(providers.length > 0);
  });

  Deno.test(`${name} needs each of its files`, async () => {
    const there = await needsOf(name);
    for (const path of there) {
      await assert.rejects(load(name, there.filter((one) => one !== path)), { code: "config" }, path);
    }
  });
}

Deno.test("every kind of provider has an example", async () => {
  const all = (await Promise.all(names.map(async (name) => await load(name, await needsOf(name))))).flatMap(
    ({ providers }) => providers.map(({ settings }) => settings.kind),
  );
  assert.deepEqual(providerKinds.filter((kind) => !all.includes(kind)), []);
});

Deno.test("production.yaml says the defaults where it does not decide", async () => {
  const [production, plain] = await Promise.all(
    ["production.yaml", "openbao.yaml"].map(async (name) => load(name, await needsOf(name))),
  );
  assert.ok(production !== undefined && plain !== undefined);
  assert.deepEqual({ ...production, ...differences(plain) }, { ...plain, ...differences(plain) });
});

Deno.test("quorum.yaml wants two of three", async () => {
  const { wrap, providers } = await load("quorum.yaml", await needsOf("quorum.yaml"));
  assert.deepEqual([wrap, providers.map(({ name }) => name)], [2, ["vault", "openbao", "azure"]]);
});

/** The settings that a production profile sets. */
function differences({ file, hash, kms, telemetry, providers, sops }: Awaited<ReturnType<typeof load>>) {
  // Where nothing is said, the keys of files stand for all providers, whose names differ.
  return { file, hash, kms, telemetry, providers, sops: { ...sops, keys: sops.keys.map(({ name }) => name) } };
}

/**
 * Secrets on the embedded engine: real files, a real restart.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { KeyringServer } from "../../../../tests/support/secrets_server.ts";
import { MemoryProvider } from "../../../../tests/support/memory_provider.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { textField } from "../../../../tests/support/keyring_secrets.ts";
import { utf8Text } from "../../../base/bytes.ts";
import { systemClock } from "../../../base/clock.ts";
import { secretPath } from "../../../api/keyring/paths.ts";
import { openEmbeddedEngine } from "../engine/embedded_engine.ts";
import { reseal } from "../records/reseal.ts";
import { reindex } from "./reindex.ts";
import { secretContexts } from "./value_contexts.ts";
import { verifyStore } from "./verify.ts";

const { signal } = new AbortController();
const call = { signal };

/** A server on a folder. */
async function withServer(
  folder: string,
  provider: MemoryProvider,
  work: (server: KeyringServer) => Promise<void>,
): Promise<void> {
  const options = { path: `${folder}/store/keyring.db`, clock: systemClock, create: true };
  await using engine = await openEmbeddedEngine(options);
  await using server = new KeyringServer(engine, provider);
  await work(server);
}

/** Names of the files below a folder that contain a text. */
async function filesWith(folder: string, text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && Buffer.from(await Deno.readFile(`${folder}/${name}`)).includes(text)) found.push(name);
  }
  return found;
}

Deno.test("secrets on the embedded engine survive a restart, reseal and reindex, with one remote call for all reads", () =>
  inFolder(async (folder) => {
    const provider = new MemoryProvider("a");
    const items = Array.from({ length: 300 }, (_, index) => ({
      path: secretPath(`db/${index % 5}/${index}`),
      fields: [textField("value", `mysuprP@ssw0rd-${index}`)],
    }));
    await withServer(folder, provider, async ({ secrets }) => {
      assert.equal((await secrets.import(items, { signal, dryRun: false })).applied, true);
      await secrets.destroy(secretPath("db/0/0"), { versions: [1] }, call);
      assert.equal((await secrets.info(secretPath("db/0/0"), signal)).versions[0]?.state, "destroyed");
    });
    await withServer(folder, provider, async ({ store, secrets }) => {
      const before = provider.calls.unwrap;
      await Promise.all(
        items.slice(1).map(async ({ path }, index) => {
          const { fields } = await secrets.read(path, { signal });
          assert.equal(fields[0] && utf8Text(fields[0].value), `mysuprP@ssw0rd-${index + 1}`);
        }),
      );
      assert.equal(provider.calls.unwrap - before, 1);
      await reindex(store, { signal });
      await reseal(store, { signal, contexts: secretContexts });
      const { problems, secrets: count, values } = await verifyStore(store, { signal });
      assert.deepEqual([problems, count, values], [[], 300, 299]);
    });
    for (const text of ["mysuprP@ssw0rd", "db/0", "bXlzdXByUEBzc3cwcmQ"]) {
      assert.deepEqual(await filesWith(`${folder}/store`, text), [], text);
    }
  }));

Deno.test("16 writers on the embedded engine lose no version", () =>
  inFolder(async (folder) => {
    await withServer(folder, new MemoryProvider("a"), async ({ secrets }) => {
      const path = secretPath("a/b");
      await secrets.create(path, { fields: [textField("value", "0")] }, call);
      const update = (index: number) => secrets.update(path, { fields: [textField("value", `${index}`)] }, call);
      const written = await Promise.all(Array.from({ length: 16 }, (_, index) => update(index)));
      assert.equal(new Set(written.map(({ version }) => version)).size, 16);
      for (const [index, { version }] of written.entries()) {
        const { fields } = await secrets.read(path, { version, signal });
        assert.equal(fields[0] && utf8Text(fields[0].value), `${index}`);
      }
    });
  }));

/**
 * Data of an earlier build and of this one, each read by the other on live sockets: the promise of `docs/format.md`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { utf8, utf8Text } from "../../lib/base/bytes.ts";
import { dialKms, type KmsClient } from "../../lib/api/kms/client.ts";
import { dialSops } from "../../lib/api/sops/client.ts";
import type { EncryptResponse } from "../../lib/api/kms/messages.ts";
import { createKeyFile } from "../../lib/provider/local/write_key_file.ts";
import { vaultKeyOf } from "../../lib/services/sops/key_uri.ts";
import { unpackRevision } from "../support/archived_revision.ts";
import { never } from "../support/plugin.ts";
import { Process, waitFor } from "../support/processes.ts";

/** The build whose data has to stay readable, and which has to read this one's: the reference of `tests/vectors`. */
const earlier = "b6d3b61ef2dc77b1c77e5f1c57cbb6482442655d";

type Build = "earlier" | "present";

/** The two programs, each with the arguments that come before a command of its own. */
interface Builds extends AsyncDisposable {
  readonly folder: string;
  start(build: Build, command: "serve" | "sops", config: string): Process;
}

async function openBuilds(): Promise<Builds> {
  const folder = await Deno.makeTempDir({ dir: "/run", prefix: "trousseau-compatibility-" });
  const source = join(folder, "earlier");
  await unpackRevision(earlier, source);
  const main = join(source, "main.ts");
  const args = ["run", "-A", "--no-prompt", "--config", join(source, "deno.json"), main];
  return {
    folder,
    start(build, command, config) {
      const words = [command, "--config", config];
      return build === "present"
        ? new Process({ name: `the present ${command}`, command: Deno.env.get("TROUSSEAU_BIN") ?? "", args: words })
        : new Process({ name: `the earlier ${command}`, command: Deno.execPath(), args: [...args, ...words] });
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Writes a configuration of two local keys; nodes share the key files and have folders of their own. */
async function writeNode(folder: string, name: string): Promise<{ readonly config: string; readonly path: string }> {
  const [config, path] = [join(folder, `${name}.yaml`), join(folder, `${name}.sock`)];
  const providers = ["site-b", "local"].map((name) => ({ name, kind: "local", keyFile: join(folder, `${name}.keys`) }));
  const content = {
    socket: { path },
    state: join(folder, `${name}.state`),
    telemetry: { listen: "off", audit: "off" },
    kms: { v1beta1: true },
    keyEpoch: 3,
    sops: { socket: { path: `${path}.sops` }, listen: "off", keys: [{ name: "team" }] },
    providers,
  };
  await Deno.writeTextFile(config, JSON.stringify(content));
  return { config, path };
}

/** The data that one build has written, in all three APIs. */
interface Written {
  readonly keyId: string;
  readonly v2: EncryptResponse;
  readonly v1beta1: Uint8Array;
}

async function servesAt(path: string, alive: Process) {
  const client = dialKms(path);
  const ready = async () => (await client.v2.Status({}, { signal: never })).healthz === "ok";
  await waitFor(`Status of ${alive.name}`, ready, { timeoutMs: 60_000, alive: [alive] });
  return client;
}

async function write({ v2, v1beta1 }: KmsClient, text: string): Promise<Written> {
  const plaintext = utf8(text);
  const { key_id: keyId } = await v2.Status({}, { signal: never });
  const encrypted = await v2.Encrypt({ plaintext, uid: "w" }, { signal: never });
  assert.equal(encrypted.key_id, keyId);
  const { cipher } = await v1beta1.Encrypt({ version: "v1beta1", plain: plaintext }, { signal: never });
  return { keyId, v2: encrypted, v1beta1: cipher };
}

async function assertReads({ v2, v1beta1 }: KmsClient, written: Written, text: string): Promise<void> {
  assert.equal((await v2.Status({}, { signal: never })).key_id, written.keyId);
  const { plaintext } = await v2.Decrypt({ ...written.v2, uid: "r" }, { signal: never });
  assert.equal(utf8Text(plaintext), text);
  const { plain } = await v1beta1.Decrypt({ version: "v1beta1", cipher: written.v1beta1 }, { signal: never });
  assert.equal(utf8Text(plain), text);
}

async function makeKeys(folder: string): Promise<void> {
  for (const name of ["site-b", "local"]) await createKeyFile(join(folder, `${name}.keys`));
}

Deno.test("two nodes, one of an earlier build: equal key IDs, and each reads the other's data", async () => {
  await using builds = await openBuilds();
  const { folder } = builds;
  await makeKeys(folder);
  const [old, now] = [await writeNode(folder, "old"), await writeNode(folder, "now")];
  await using earlierPlugin = builds.start("earlier", "serve", old.config);
  await using presentPlugin = builds.start("present", "serve", now.config);
  await using one = await servesAt(old.path, earlierPlugin);
  await using other = await servesAt(now.path, presentPlugin);
  const [byEarlier, byPresent] = [await write(one, "by the earlier build"), await write(other, "by the present build")];
  assert.equal(byEarlier.keyId, byPresent.keyId);
  await assertReads(other, byEarlier, "by the earlier build");
  await assertReads(one, byPresent, "by the present build");
});

Deno.test("one node, upgraded and downgraded: its state, its key ID and all of its data stay", async () => {
  await using builds = await openBuilds();
  await makeKeys(builds.folder);
  const { config, path } = await writeNode(builds.folder, "node");
  const written: [Written, string][] = [];
  for (const build of ["earlier", "present", "earlier", "present"] as const) {
    await using plugin = builds.start(build, "serve", config);
    await using client = await servesAt(path, plugin);
    for (const [data, plaintext] of written) await assertReads(client, data, plaintext);
    const plaintext = `number ${written.length} by the ${build} build`;
    written.push([await write(client, plaintext), plaintext]);
    assert.equal((await plugin.stop()).code, 0, plugin.tail);
  }
  assert.equal(new Set(written.map(([{ keyId }]) => keyId)).size, 1);
});

Deno.test("two key services of SOPS, one of an earlier build: each decrypts the other's data keys", async () => {
  await using builds = await openBuilds();
  const { folder } = builds;
  await makeKeys(folder);
  const nodes = await Promise.all((["earlier", "present"] as const).map(async (build) => {
    const { config, path } = await writeNode(folder, build);
    return { build, path: `${path}.sops`, process: builds.start(build, "sops", config) };
  }));
  await using _first = nodes[0]?.process;
  await using _second = nodes[1]?.process;
  const key = { vault_key: vaultKeyOf("team") };
  const encrypted = await Promise.all(nodes.map(async ({ build, path, process }) => {
    await using client = dialSops(path);
    const plaintext = utf8(`by the ${build} build`);
    const attempt = () => client.sops.Encrypt({ key, plaintext }, { signal: never });
    const { ciphertext } = await waitFor(`Encrypt of ${process.name}`, attempt, { timeoutMs: 60_000, alive: [process] })
      .then(({ value }) => value);
    return { plaintext, ciphertext };
  }));
  for (const { path } of nodes) {
    await using client = dialSops(path);
    for (const { plaintext, ciphertext } of encrypted) {
      const answer = await client.sops.Decrypt({ key, ciphertext }, { signal: never });
      assert.equal(utf8Text(answer.plaintext), utf8Text(plaintext));
    }
  }
});

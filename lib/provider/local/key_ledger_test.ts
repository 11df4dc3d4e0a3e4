import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { KmsError } from "../../base/errors.ts";
import type { Event } from "../../telemetry/events.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { localAdvice } from "./advice.ts";
import { fileTag } from "./key_ledger.ts";
import { openLocal } from "./provider.ts";
import { createKeyFile } from "./write_key_file.ts";

const { signal } = new AbortController();
const dek = crypto.getRandomValues(new Uint8Array(47));

/** A key as b6d3b61 created it: the file does not show whether it is damaged. */
const older = (material: string, id = "0123456789abcdef") => ({
  format: 1,
  keys: [{ id, createdAt: "2026-01-31T12:00:00.000Z", key: material }],
});
const good = older("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
const damaged = older("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHR8=");

/** A key file and a state folder, with a function that opens the provider. */
async function node(folder: string, content: unknown) {
  const settings = { kind: "local", name: "local", keyFile: `${folder}/local.keys`, create: false } as const;
  const events: Event[] = [];
  const put = async (content: unknown) => {
    await Deno.writeTextFile(`${settings.keyFile}.new`, JSON.stringify(content), { mode: 0o600 });
    await Deno.rename(`${settings.keyFile}.new`, settings.keyFile);
  };
  await Deno.mkdir(folder, { recursive: true });
  await put(content);
  const context = { notify: (event: Event) => void events.push(event), stateFolder: `${folder}/state` };
  const open = (more = {}) => openLocal(settings, { ...context, ...more });
  return { settings, put, open, events, ledger: `${folder}/state/local-keys.json` };
}

Deno.test("openLocal() records the check value of an older key at its first use, and no byte of the key", async () => {
  await inFolder(async (folder) => {
    const { open, ledger, settings } = await node(folder, good);
    await (await open())[Symbol.asyncDispose]();
    const file = fileTag(settings.keyFile);
    // Computed by another program: HMAC-SHA-256 under bytes 0 to 31.
    deepEqual(JSON.parse(await Deno.readTextFile(ledger)), {
      format: 1,
      keys: [{ provider: "local", file, version: "0123456789abcdef", check: "8d4375baec5cdc75" }],
    });
    equal(((await Deno.stat(ledger)).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("openLocal() refuses an older key with one changed character, naming file and version, until the good file is back", async () => {
  await inFolder(async (folder) => {
    const { settings, put, open } = await node(folder, good);
    await (await open())[Symbol.asyncDispose]();
    await put(damaged);
    await rejects(open(), ({ code, message }) => {
      equal(code, "config");
      ok(message.includes(`"${settings.keyFile}"`) && message.includes("0123456789abcdef"), message);
      ok(message.includes("from a backup") && message.includes("local-keys.json"), message);
      return true;
    });
    await rejects(localAdviceRotate(settings, `${folder}/state`), { code: "config", message: /0123456789abcdef/ });
    await put(good);
    await (await open())[Symbol.asyncDispose]();
  });
});

async function localAdviceRotate(settings: Parameters<typeof localAdvice>[0], stateFolder: string): Promise<unknown> {
  const { rotation } = localAdvice(settings);
  return rotation.by === "trousseau" ? await rotation.rotate(stateFolder) : undefined;
}

Deno.test("openLocal() continues with the keys in memory if the file is damaged later, and wraps nothing under it", async () => {
  await inFolder(async (folder) => {
    const { put, open } = await node(folder, good);
    await using provider = await open();
    const at = await provider.probe({ signal });
    const wrapped = await provider.wrap(dek, at, { signal });
    await put(damaged);
    await rejects(provider.probe({ signal }), { code: "provider_protocol", message: /0123456789abcdef/ });
    await rejects(provider.wrap(dek, at, { signal }), { code: "provider_protocol" });
    deepEqual(await provider.unwrap(wrapped, { signal }), dek);
    await put(good);
    deepEqual(await provider.probe({ signal }), at);
    deepEqual(await provider.unwrap(wrapped, { signal }), dek);
  });
});

Deno.test("openLocal() records a key that was added while it serves, and another provider checks it", async () => {
  await inFolder(async (folder) => {
    const { settings, open, put, ledger } = await node(folder, good);
    await using provider = await open();
    const added = await localAdviceRotate(settings, `${folder}/state`) as { version: string };
    equal((await provider.probe({ signal })).version, added.version);
    const { keys } = JSON.parse(await Deno.readTextFile(ledger));
    deepEqual(keys.map(({ version }: { version: string }) => version), ["0123456789abcdef", added.version]);
    equal(keys[1].check, added.version, "a new key has its check value for an ID");
    await put(older(damaged.keys[0]?.key ?? "", added.version));
    await rejects(open(), { code: "config" });
  });
});

Deno.test("openLocal() writes nothing for a check, and checks existing records", async () => {
  await inFolder(async (folder) => {
    const { put, open, ledger } = await node(folder, good);
    const asCheck = { readOnlyState: true };
    await (await open(asCheck))[Symbol.asyncDispose]();
    await rejects(Deno.stat(ledger), Deno.errors.NotFound);
    await (await open())[Symbol.asyncDispose]();
    await put(damaged);
    await rejects(open(asCheck), { code: "config" });
  });
});

Deno.test("openLocal() serves with a warning if the ledger cannot be used or written", async () => {
  await inFolder(async (folder) => {
    const { open, ledger, events } = await node(folder, good);
    const warnsOf = async (why: RegExp) => {
      const provider = await open();
      const wrapped = await provider.wrap(dek, await provider.probe({ signal }), { signal });
      deepEqual(await provider.unwrap(wrapped, { signal }), dek);
      await provider[Symbol.asyncDispose]();
      const messages = events.splice(0).map((event) => event.type === "lifecycle" ? event.message : event.type);
      equal(messages.length, 1);
      match(messages[0] ?? "", why);
      ok(messages[0]?.includes('A changed key of provider "local"'));
    };
    await Deno.mkdir(ledger, { recursive: true });
    await warnsOf(/only a regular file is read/);
    await Deno.remove(ledger);
    await Deno.writeTextFile(ledger, '{"format":1,"keys":[{}]}');
    await warnsOf(/damaged; restore it, or remove it/);
    equal(await Deno.readTextFile(ledger), '{"format":1,"keys":[{}]}', "what may still be restored is not replaced");
    await Deno.writeTextFile(ledger, '{"format":2}');
    await warnsOf(/newer version/);
    await Deno.remove(ledger);
    using holder = await Deno.open(`${folder}/state`, { read: true });
    await holder.lock(true);
    await warnsOf(/another process keeps it locked/);
  });
});

Deno.test("openLocal() creates no key file if it cannot determine whether versions are known", async () => {
  await inFolder(async (folder) => {
    const { settings } = await node(folder, good);
    await Deno.remove(settings.keyFile);
    const knownVersions = new KmsError("config", "Cannot use the sentinels: the file is damaged; restore it.");
    await rejects(openLocal({ ...settings, create: true }, { notify: () => {}, knownVersions }), {
      code: "config",
      message:
        /^Cannot open provider "local": the key file .* is not there, and none is made .* damaged; restore it\.$/,
    });
    await rejects(Deno.stat(settings.keyFile), Deno.errors.NotFound);
  });
});

Deno.test("two key files of two nodes never share a version, however they are copied", async () => {
  await inFolder(async (folder) => {
    await createKeyFile(`${folder}/a.keys`);
    await createKeyFile(`${folder}/b.keys`);
    const [a, b] = await Promise.all(
      ["a", "b"].map(async (name) => JSON.parse(await Deno.readTextFile(`${folder}/${name}.keys`))),
    );
    // The key of one file under the ID of the other used to announce one key ID for two keys.
    a.keys[0].key = b.keys[0].key;
    const { open } = await node(`${folder}/node`, a);
    await rejects(open(), { code: "config", message: /has an id that does not fit its key/ });
  });
});

Deno.test("openLocal() creates no key file in place of one whose versions are known, and names the two remedies", async () => {
  await inFolder(async (folder) => {
    const { settings, open } = await node(folder, good);
    await Deno.remove(settings.keyFile);
    const create = { ...settings, create: true };
    const context = { notify: () => {}, stateFolder: `${folder}/state`, knownVersions: ["0123456789abcdef"] };
    await rejects(openLocal(create, context), {
      code: "config",
      message: /put the file back from a backup, or, .*forgotten: \['local@0123456789abcdef'\]/,
    });
    await rejects(Deno.stat(settings.keyFile), Deno.errors.NotFound);
    await (await openLocal(create, { ...context, knownVersions: [] }))[Symbol.asyncDispose]();
    await (await open())[Symbol.asyncDispose]();
  });
});

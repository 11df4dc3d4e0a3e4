/**
 * The error messages of all readers and writers of this node's files, for each errno that a disk, a quota, a mount or an
 * owner causes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileSource } from "../../lib/config/secrets.ts";
import { readTextFile } from "../../lib/config/text_file.ts";
import { folderSentinels } from "../../lib/services/kms/key_ring/sentinel_file.ts";
import { folderStore } from "../../lib/services/kms/key_ring/state.ts";
import { openLocal } from "../../lib/provider/local/provider.ts";
import { rotateLocalKey } from "../../lib/provider/local/rotate.ts";
import { createKeyFile } from "../../lib/provider/local/write_key_file.ts";
import { readTlsFiles } from "../../lib/net/https/tls_files.ts";
import { stateFile } from "../../lib/base/state_file.ts";
import { systemFailure } from "../../lib/base/system_failures.ts";
import { openFileTarget } from "../../lib/telemetry/line_target.ts";
import { failing, type FailingErrno, failingErrnos, systemError } from "../support/failing_system.ts";
import { inFolder } from "../support/temporary_folder.ts";

type Work = (folder: string) => Promise<unknown>;

const colour = (folder: string) =>
  stateFile<{ colour: string }>(folder, {
    name: "colour.json",
    content: "the colour of this node",
    format: 1,
    maxBytes: 100,
    parse: () => ({ colour: "red" }),
    advice: "remove it",
  });

const local = (
  folder: string,
) => ({ kind: "local", name: "local", keyFile: `${folder}/new/local.keys`, create: true } as const);

/** The writers, and the system call that fails in each. */
const writers: Readonly<Record<string, readonly ["open" | "rename" | "mkdir", Work]>> = {
  "a file of the state folder": ["rename", (folder) => colour(folder).write({ colour: "red" })],
  "a new state folder": ["mkdir", (folder) => colour(`${folder}/state`).write({ colour: "red" })],
  "the key IDs": ["open", (folder) => folderStore(folder).save({ format: 1, providers: [], history: [] })],
  "the sentinels": ["rename", (folder) => folderSentinels(folder).update(() => [])],
  "a new key file": ["mkdir", (folder) => openLocal(local(folder), { notify: () => {} })],
  "a key file with one key more": ["rename", (folder) => rotateLocalKey(`${folder}/local.keys`)],
  "the audit stream": ["open", (folder) => openFileTarget(`${folder}/audit.log`)],
};

/** The readers, and the system call that fails in each. */
const decryptors: Readonly<Record<string, readonly ["stat" | "lstat", Work]>> = {
  "a file of the state folder": ["stat", (folder) => colour(folder).read()],
  "the key IDs": ["stat", (folder) => folderStore(folder).load()],
  "the sentinels": ["stat", (folder) => folderSentinels(folder).load()],
  "a key file": ["lstat", (folder) => rotateLocalKey(`${folder}/local.keys`)],
  "a secret": ["stat", (folder) => fileSource(`${folder}/secret`).read()],
  "a CA file": ["stat", (folder) => readTlsFiles({ caFile: `${folder}/ca.pem` }, "vault")],
  "a text": ["stat", (folder) => readTextFile(`${folder}/text`)],
};

async function sentence(work: Work, name: Parameters<typeof failing>[0], errno: FailingErrno): Promise<string> {
  let said = "";
  await inFolder(async (folder) => {
    await createKeyFile(`${folder}/local.keys`);
    using _failure = failing(name, errno);
    said = await work(folder).then(() => assert.fail("it did not fail"), (thrown: Error) => thrown.message);
    assert.ok(said.includes(folder), `it names the path: ${said}`);
  });
  return said;
}

for (const [kind, table] of [["written", writers], ["read", decryptors]] as const) {
  for (const [what, [name, work]] of Object.entries(table)) {
    Deno.test(`${what} that cannot be ${kind}: the message has the sentence of systemFailure() for each errno`, async () => {
      for (const errno of failingErrnos) {
        const said = await sentence(work, name, errno);
        const refused = errno === "EACCES" || errno === "EPERM";
        const cause = kind === "read" && refused ? "this user may not read it" : systemFailure(systemError(errno));
        assert.ok(said.includes(`: ${cause}`), `${errno}: ${said}`);
        assert.doesNotMatch(said, /: Error|PermissionDenied|\(Error\)|canary|os error/);
        if (refused) assert.match(said, /is owned by uid \d+ \(expected \d+, mode 0\d{3}\)/);
      }
    });
  }
}

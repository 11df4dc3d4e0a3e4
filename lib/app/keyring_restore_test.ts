import { deepEqual, equal, rejects } from "node:assert/strict";
import { systemClock } from "../base/clock.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Config } from "../config/config.ts";
import { environmentFrom } from "../config/environment.ts";
import { loadConfig } from "../config/load.ts";
import { backupOf, writeBackupFile } from "../services/keyring/backup/backup.ts";
import { restoreNumber } from "../services/keyring/identity/restore_number.ts";
import { openConfiguredEngine } from "./keyring_engine.ts";
import { restoreKeyring } from "./keyring_restore.ts";
import { keyringOwnConfig, openKeyringStore } from "./keyring_store.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

const notify = () => {};
const signal = new AbortController().signal;

/** A configuration with a folder of its own and a local key. */
async function configIn(folder: string, name: string, keyFile: string): Promise<Config> {
  const place = `${folder}/${name}`;
  await Deno.mkdir(place);
  const file = `${place}/k.yaml`;
  await Deno.writeTextFile(
    file,
    `keyring: {store: ${place}/store, state: ${place}/state, adminSocket: ${place}/admin/admin.sock, listen: none}
providers: [{name: local, kind: local, keyFile: ${keyFile}, create: true}]
`,
  );
  return keyringOwnConfig(await loadConfig(file, environmentFrom(() => undefined)));
}

async function restoreNumberIn(config: Config): Promise<number> {
  await using opened = await openKeyringStore(config, { create: false, notify, signal });
  return await restoreNumber(opened.store.reader(signal));
}

Deno.test("restoreKeyring() leaves no store whose identities of before are valid if no KMS opens its keys", async () => {
  await inFolder(async (folder) => {
    const first = await configIn(folder, "first", `${folder}/local.keys`);
    const backup = `${folder}/backup`;
    {
      await using made = await openKeyringStore(first, { create: true, notify, signal });
      await restoreNumber(made.store.reader(signal));
    }
    {
      await using opened = new ResourceStack();
      const engine = await openConfiguredEngine(first.keyring.store, opened, { create: false, notify, signal });
      await writeBackupFile(backup, backupOf(engine, systemClock, signal));
    }
    const refuse = { keepIdentities: false, notify, signal };
    const foreign = await configIn(folder, "foreign", `${folder}/other.keys`);
    await rejects(restoreKeyring(foreign, backup, refuse), { code: "kms_unavailable" });
    deepEqual([...Deno.readDirSync(`${folder}/foreign/store`)].filter(({ name }) => !name.endsWith(".lock")), []);

    const second = await configIn(folder, "second", `${folder}/local.keys`);
    equal((await restoreKeyring(second, backup, refuse)).identitiesKept, false);
    equal(await restoreNumberIn(second), 1);

    const moved = await configIn(folder, "moved", `${folder}/local.keys`);
    await restoreKeyring(moved, backup, { ...refuse, keepIdentities: true });
    equal(await restoreNumberIn(moved), 0);
  });
});

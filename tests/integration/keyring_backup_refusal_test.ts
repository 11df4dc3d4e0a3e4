/**
 * A backup that only the disk of the server could open is refused by both programs, with a server and without one.
 *
 * @module
 */
import { equal, match, ok } from "node:assert/strict";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText } from "../../lib/provider/recovery/key_text.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { inFolder } from "../support/temporary_folder.ts";

const refusal =
  /^(trousseau|clectl): Cannot back up: every key lies in \S+\/a\.keys on the machine of the server, .*--key-file-kept-elsewhere\.$/m;

const notRewrapped =
  /^(trousseau|clectl): Cannot back up: some store keys are wrapped by "a" alone, .* run trousseau keyring rewrap .*--key-file-kept-elsewhere\.$/m;

async function size(file: string): Promise<number | undefined> {
  return await Deno.stat(file).then((found) => found.size, () => undefined);
}

Deno.test("a backup that the disk of the server alone could open ends with 78 and writes nothing, unless its key is kept elsewhere", () =>
  inFolder(async (folder) => {
    const machine = new KeyringMachine(folder);
    await machine.configure("a");
    const [mine, theirs] = [`${folder}/mine`, `${folder}/theirs`];
    {
      await using server = machine.serve();
      await machine.ready(server);
      await server.prints(/WARN +Every key lies on this machine \(\S+a\.keys\)/);
      equal((await machine.clectl("create db/john -f p --stdin", "value")).status, 0);
      const remote = await machine.clectl(`backup --to ${theirs}`);
      equal(remote.status, 78, remote.err);
      match(remote.err, refusal);
      equal(await size(theirs), undefined);
      const local = await machine.backup(mine);
      equal(local.code, 78, local.stderr);
      match(local.stderr, refusal);
      equal(await size(mine), 0, "the shell makes the file, and nothing is in it");
      match((await machine.clectl("health")).out, /^backup +degraded +Every key lies/m);

      equal((await machine.clectl(`backup --to ${theirs} --key-file-kept-elsewhere`)).status, 0);
      equal((await machine.backup(mine, "--key-file-kept-elsewhere")).code, 0);
      ok((await size(theirs) ?? 0) > 0 && (await size(mine) ?? 0) > 0);

      // The file names a recovery key by now, and the running server does not know it.
      await new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey).configure("a");
      const changed = await machine.backup(mine);
      equal(changed.code, 78, changed.stderr);
      match(changed.stderr, refusal);
      await server.stop();
    }
    await machine.configure("a");
    equal((await machine.backup(mine)).code, 78, "and without a server");
    equal((await machine.backup(mine, "--key-file-kept-elsewhere")).code, 0);
  }));

Deno.test("a recovery key that was added later makes a backup openable from the rewrap on, and not before", () =>
  inFolder((folder) =>
    inFolder(async (elsewhere) => {
      const { privateKey, publicKey } = await new Hpke().newKeyPair();
      const keyFile = `${elsewhere}/recovery.key`;
      await Deno.writeTextFile(keyFile, privateKeyText(privateKey), { mode: 0o600 });
      const before = new KeyringMachine(folder);
      await before.configure("a");
      {
        await using server = before.serve();
        await before.ready(server);
        await before.fill(new Map([["db/app", "value"]]));
        await server.stop();
      }
      const machine = new KeyringMachine(folder, publicKey);
      await machine.configure("a");
      const [mine, theirs] = [`${elsewhere}/mine`, `${elsewhere}/theirs`];
      const alone = await machine.backup(mine);
      equal(alone.code, 78, alone.stderr);
      match(alone.stderr, notRewrapped);
      {
        await using server = machine.serve();
        await machine.ready(server);
        await server.prints(/WARN +Some store keys are wrapped by "a" alone, .* run trousseau keyring rewrap /);
        const remote = await machine.clectl(`backup --to ${theirs}`);
        equal(remote.status, 78, remote.err);
        match(remote.err, notRewrapped);
        equal(await size(theirs), undefined);
        const local = await machine.backup(mine);
        equal(local.code, 78, local.stderr);
        match(local.stderr, notRewrapped);
        match((await machine.clectl("health")).out, /^backup +degraded +Some store keys are wrapped by "a" alone/m);

        const rewrapped = await machine.command("rewrap");
        equal(rewrapped.code, 0, rewrapped.stderr);
        match((await machine.clectl("health")).out, /^backup +degraded +There is no backup yet/m);
        equal((await machine.backup(mine)).code, 0);
        equal((await machine.clectl(`backup --to ${theirs}`)).status, 0);
        match((await machine.clectl("health")).out, /^backup +ok/m);
        await server.stop();
      }
      await Deno.remove(`${folder}/a.keys`);
      const stage = new KeyringMachine(elsewhere, publicKey);
      await stage.configure("b");
      const restored = await stage.command("restore", theirs, "--recovery-key", keyFile);
      equal(restored.code, 0, restored.stderr);
    })
  ));

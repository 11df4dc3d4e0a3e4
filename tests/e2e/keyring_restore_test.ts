/**
 * A restore of the keyring into a real etcd, with the recovery key and without it.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText } from "../../lib/provider/recovery/key_text.ts";
import { startCluster } from "../support/etcd.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { inFolder } from "../support/temporary_folder.ts";

Deno.test("a restore into etcd without the recovery key leaves a store that is refused, and with it one that serves", () =>
  inFolder((folder) =>
    inFolder(async (elsewhere) => {
      const { privateKey, publicKey } = await new Hpke().newKeyPair();
      const [lost, machine] = [new KeyringMachine(folder, publicKey), new KeyringMachine(elsewhere, publicKey)];
      await lost.configure("a");
      await using first = lost.serve();
      await lost.ready(first);
      await lost.fill(new Map([["db/prod/app", "value"]]));
      await first.stop();
      const backup = `${elsewhere}/keyring.backup`;
      equal((await lost.backup(backup)).code, 0);
      await Deno.remove(`${folder}/a.keys`);

      await using etcd = await startCluster();
      const { settings: { endpoints, tls } } = etcd;
      const at = (prefix: string) => machine.configure("b", { etcd: { endpoints, prefix, ...tls } });
      const key = ["--recovery-key", `${elsewhere}/recovery.key`];
      await Deno.writeTextFile(`${elsewhere}/recovery.key`, privateKeyText(privateKey), { mode: 0o600 });

      await at("/without/");
      const bare = await machine.command("restore", backup);
      equal(bare.code, 69, bare.stderr);
      match(bare.stderr, /give a private key of "safe" with --recovery-key/);
      const refused = await machine.command("verify", ...key);
      equal(refused.code, 69, refused.stderr);
      match(refused.stderr, /a restore into it was not finished/);

      await at("/with/");
      const restored = await machine.command("restore", backup, ...key);
      equal(restored.code, 0, restored.stderr);
      equal((await machine.command("rewrap", ...key)).code, 0);
      await using second = machine.serve();
      await machine.ready(second);
      deepEqual(await machine.read(["db/prod/app"]), ["value"]);
    })
  ));

/**
 * Recovery of a keyring: the only key file is destroyed, the private key from the safe opens the store keys, and
 * `keyring rewrap` makes it needless.
 *
 * @module
 */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText } from "../../lib/provider/recovery/key_text.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { inFolder } from "../support/temporary_folder.ts";

Deno.test("a keyring whose key file is destroyed is read, and rewrapped, with the recovery key", () =>
  inFolder(async (folder) => {
    const { privateKey, publicKey } = await new Hpke().newKeyPair();
    const stage = new KeyringMachine(folder, publicKey);
    const keyFile = `${folder}/recovery.key`;
    await Deno.writeTextFile(keyFile, `${privateKeyText(privateKey)}\n`, { mode: 0o600 });
    const secrets = new Map(["db/prod/app", "db/prod/admin", "web/session"].map((path) => [path, `value of ${path}`]));
    const [paths, values] = [[...secrets.keys()], [...secrets.values()]];

    await stage.configure("a");
    await using first = stage.serve();
    await stage.ready(first);
    await stage.fill(secrets);
    deepEqual(await stage.read(paths), values);
    match(await stage.page("/metrics"), /^trousseau_recovery_key_loaded 0$/m);
    await first.stop();

    await Deno.remove(`${folder}/a.keys`);
    await stage.configure("b");

    // Without the recovery key no wait helps.
    const closed = await stage.command("serve");
    equal(closed.code, 78, closed.stderr);
    match(
      closed.stderr,
      /^Cannot open the store: no provider .* \("a", "safe"\); give a private key of "safe" with --recovery-key\.$/m,
    );
    equal((await stage.command("verify")).code, 78);

    await using second = stage.serve("--recovery-key", keyFile);
    await stage.ready(second);
    deepEqual(await stage.read(paths), values);
    match(await stage.page("/readyz"), /^recovery key +degraded +A recovery key is loaded: .*can forge it\./m);
    match(await stage.page("/metrics"), /^trousseau_recovery_key_loaded 1$/m);
    match((await stage.clectl("health")).out, /recovery key\s+degraded/);
    equal((await stage.clectl("create new/one --field password --stdin", "new")).status, 0);
    await second.stop();

    const rewrapped = await stage.command("rewrap", "--recovery-key", keyFile);
    equal(rewrapped.code, 0, rewrapped.stderr);
    match(rewrapped.stdout, /^[1-9]\d* store keys are wrapped anew, by each provider that has answered\.$/m);
    await Deno.remove(keyFile);

    await using third = stage.serve();
    await stage.ready(third);
    deepEqual(await stage.read([...paths, "new/one"]), [...values, "new"]);
    doesNotMatch(await stage.page("/readyz"), /recovery key/);
    await third.stop();
    const verified = await stage.command("verify");
    equal(verified.code, 0, verified.stdout + verified.stderr);
  }));

Deno.test("a backup is restored on another machine with the recovery key, and without it nothing is written", () =>
  inFolder((folder) =>
    inFolder(async (elsewhere) => {
      const { privateKey, publicKey } = await new Hpke().newKeyPair();
      const keyFile = `${elsewhere}/recovery.key`;
      await Deno.writeTextFile(keyFile, privateKeyText(privateKey), { mode: 0o600 });
      const strange = `${elsewhere}/strange.key`;
      const { privateKey: other } = await new Hpke().newKeyPair();
      await Deno.writeTextFile(strange, privateKeyText(other), { mode: 0o600 });
      const [lost, stage] = [new KeyringMachine(folder, publicKey), new KeyringMachine(elsewhere, publicKey)];
      await lost.configure("a");
      await using first = lost.serve();
      await lost.ready(first);
      await lost.fill(new Map([["db/prod/app", "value"]]));
      await first.stop();
      const backup = await lost.backup(`${elsewhere}/keyring.backup`);
      equal(backup.code, 0, backup.stderr);
      await Deno.remove(`${folder}/a.keys`);

      await stage.configure("b");
      const refused = await stage.command("restore", `${elsewhere}/keyring.backup`, "--recovery-key", strange);
      equal(refused.code, 78, refused.stderr);
      match(refused.stderr, /belongs to none of its recipients/);
      const bare = await stage.command("restore", `${elsewhere}/keyring.backup`);
      equal(bare.code, 69, bare.stderr);
      match(bare.stderr, /give a private key of "safe" with --recovery-key/);
      const restored = await stage.command("restore", `${elsewhere}/keyring.backup`, "--recovery-key", keyFile);
      equal(restored.code, 0, restored.stderr);
      const rewrapped = await stage.command("rewrap", "--recovery-key", keyFile);
      equal(rewrapped.code, 0, rewrapped.stderr);
      await Deno.remove(keyFile);
      await using second = stage.serve();
      await stage.ready(second);
      deepEqual(await stage.read(["db/prod/app"]), ["value"]);
    })
  ));

Deno.test("a store whose keys no configured provider has wrapped, or whose key file is another one, is refused with 78", () =>
  inFolder(async (folder) => {
    const stage = new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey);
    await stage.configure("a");
    await using first = stage.serve();
    await stage.ready(first);
    await first.stop();
    const keys = await Deno.readTextFile(`${folder}/a.keys`);
    const changes: readonly (readonly [change: () => Promise<void>, says: RegExp])[] = [
      [() => Deno.remove(`${folder}/a.keys`), /^Cannot open provider "a": the key file .* is not there/m],
      // With the state of the provider gone, a new key is made, which opens nothing.
      [() => Deno.remove(`${folder}/keyring`, { recursive: true }), /^Cannot open the store: .*\.$/m],
      [
        () => stage.configure("b"),
        /^Cannot open the store: no provider is configured that can unwrap .*--recovery-key\.$/m,
      ],
    ];
    for (const [change, says] of changes) {
      await change();
      const { code, stderr } = await stage.command("serve");
      equal(code, 78, stderr);
      match(stderr, says);
    }
    await stage.configure("a");
    await Deno.remove(`${folder}/a.keys`);
    await Deno.writeTextFile(`${folder}/a.keys`, keys, { mode: 0o600 });
    await using again = stage.serve();
    await stage.ready(again);
  }));

/**
 * Recovery: the only KEK is lost, and the private key from the safe opens what was sealed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText, publicKeyText, recipientFingerprint } from "../../lib/provider/recovery/key_text.ts";
import { mainFile, writeLocalConfig } from "../support/local_plugin.ts";
import { Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const call = { signal: new AbortController().signal };

Deno.test("the recovery key opens what a lost local key sealed, and nothing is wrapped by it alone", () =>
  inFolder(async (folder) => {
    const { privateKey, publicKey } = await new Hpke().newKeyPair();
    const keyFile = `${folder}/recovery.key`;
    await Deno.writeTextFile(keyFile, `${privateKeyText(privateKey)}\n`, { mode: 0o600 });
    const safe = { name: "safe", kind: "recovery", recipients: [publicKeyText(publicKey)] };
    const local = (name: string) => ({ name, kind: "local", keyFile: `${folder}/${name}.keys`, create: true });
    const configured = (name: string) => writeLocalConfig(folder, { providers: [local(name), safe] });
    const words = (...command: string[]) => {
      const allow = [...permissionFlags(), `--allow-write=${folder}`];
      return ["run", "--quiet", ...allow, mainFile, ...command, "--config", `${folder}/trousseau.yaml`];
    };
    const serve = (...more: string[]) =>
      new Process({ name: "serve", command: Deno.execPath(), args: words("serve", ...more) });
    const { socket } = await configured("old");

    const seed = new Uint8Array(randomBytes(32));
    const encrypt = async (process: Process) => {
      const { value } = await waitFor("an Encrypt", async () => {
        await using client = dialKms(socket);
        return await client.v2.Encrypt({ plaintext: seed, uid: "t" }, call);
      }, { timeoutMs: 30_000, alive: [process] });
      return value;
    };
    const decrypt = async (sealed: Awaited<ReturnType<typeof encrypt>>) => {
      await using client = dialKms(socket);
      return (await client.v2.Decrypt({ ...sealed, uid: "t" }, call)).plaintext;
    };

    const first = serve();
    const sealed = await encrypt(first);
    assert.equal(Object.keys(sealed.annotations).length, 2, "a wrap of each provider");
    await first.stop();

    // The disk of the key dies; the state folder and etcd are left.
    await Deno.remove(`${folder}/old.keys`);
    await configured("new");
    const refused = await run(Deno.execPath(), words("check"));
    assert.equal(refused.code, 78);
    assert.match(refused.stdout + refused.stderr, /"old" \(local\)/);

    const second = serve("--recovery-key", keyFile);
    const again = await encrypt(second);
    assert.deepEqual(await decrypt(sealed), seed);
    assert.deepEqual(await decrypt(again), seed);
    const check = await run(Deno.execPath(), words("check", "--recovery-key", keyFile));
    assert.match(check.stdout, new RegExp(recipientFingerprint(publicKey)));
    assert.match(check.stdout, /private key is loaded from file .*recovery\.key/);
    await second.stop();

    // What was rewritten needs the recovery key no longer.
    await writeLocalConfig(folder, { providers: [local("new"), safe], forgotten: ["old"] });
    const third = serve();
    await encrypt(third);
    assert.deepEqual(await decrypt(again), seed);
    await assert.rejects(decrypt(sealed));
    await third.stop();
  }));

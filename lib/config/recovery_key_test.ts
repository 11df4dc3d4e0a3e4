import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { Secret } from "../base/secret.ts";
import { Hpke } from "../provider/recovery/hpke.ts";
import { publicKeyText } from "../provider/recovery/key_text.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { complaints, loadFake } from "../../tests/support/fake_files.ts";
import { recoveryKeyFile, withRecoveryKey } from "./recovery_key.ts";

const { publicKey } = await new Hpke().newKeyPair();
const text = publicKeyText(publicKey);
const local = "  - { kind: local, name: local, keyFile: local.keys }\n";
const both = `providers:\n${local}`;
const safe = `  - { kind: recovery, name: safe, formerly: [vault-safe], recipients: [${text}] }\n`;
const source = { description: "file /k", read: () => Promise.resolve(new Secret("k")) };

Deno.test("a recovery provider counts in no quorum", async () => {
  const { wrap, providers } = await loadFake(`${both}${safe}`);
  equal(wrap, 1);
  deepEqual(providers.map(({ settings }) => settings.kind), ["local", "recovery"]);
  deepEqual(await complaints(`wrap: 2\n${both}${safe}`), ["1:1: wrap: is 2, and there is 1 provider"]);
});

Deno.test("a configuration of recovery providers alone, and recipients that are none, are refused", async () => {
  deepEqual(await complaints(`providers:\n${safe}`), [
    "1:1: providers: must have one that can unwrap; a recovery key is for the safe alone",
  ]);
  const with2 = (second: string) => complaints(both + safe.replace(`[${text}]`, `[${text}, ${second}]`));
  const [twice = ""] = await with2(text);
  equal(/recipients\[1\]: stands in the list twice$/.test(twice), true, twice);
  const [none = ""] = await with2("trousseau-recovery1qqqq");
  equal(/recipients\[1\]: is no public recovery key; trousseau recovery public prints one$/.test(none), true, none);
});

Deno.test("withRecoveryKey() adds an entry that unwraps under every name of the recovery providers", async () => {
  const config = withRecoveryKey(await loadFake(`${both}${safe}`), source);
  deepEqual(config.providers.map(({ name }) => name), ["local", "safe"]);
  deepEqual(config.retired.map(({ name, formerly }) => [name, formerly]), [["recovery-key", ["safe", "vault-safe"]]]);
});

Deno.test("withRecoveryKey() refuses a configuration without a recovery provider, and one that uses its name", async () => {
  const plain = await loadFake(both);
  throws(() => withRecoveryKey(plain, source), { code: "config", message: /has no provider of kind recovery/ });
  const taken = await loadFake(`${both}${safe.replace("vault-safe", "recovery-key")}`);
  throws(() => withRecoveryKey(taken, source), { code: "config", message: /has the name recovery-key/ });
});

Deno.test("recoveryKeyFile() reads a key over several lines, and refuses a file that others may read or write", () =>
  inFolder(async (folder) => {
    const path = `${folder}/recovery.key`;
    await Deno.writeTextFile(path, "\nTROUSSEAU-RECOVERY-KEY-1 AAAAA\r\n  BBBBB\n\n", { mode: 0o600 });
    const source = recoveryKeyFile(path);
    equal((await source.read()).reveal(), "TROUSSEAU-RECOVERY-KEY-1 AAAAA BBBBB");
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644, 0o660]) {
      await Deno.chmod(path, mode);
      await rejects(source.read(), { code: "config", message: /is open to others than its owner \(mode 0\d{3}\)/ });
    }
    await Deno.chmod(path, 0o400);
    await source.read();
    await Deno.chmod(path, 0o600);
    for (
      const content of [new Uint8Array(), Uint8Array.of(0xff), new Uint8Array(5000).fill(65), Uint8Array.of(65, 7)]
    ) {
      await Deno.writeFile(path, content);
      await rejects(source.read(), { code: "config", message: /^Cannot read the secret in file \S+: / });
    }
    await rejects(recoveryKeyFile(folder).read(), { code: "config" });
    await rejects(recoveryKeyFile(`${path}.absent`).read(), { code: "config" });
  }));

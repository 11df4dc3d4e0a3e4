import { deepEqual, equal, match } from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { opensshKeyPair } from "./openssh.ts";
import { utf8 } from "../../../base/bytes.ts";

/** The output of ssh-keygen, from Debian's `openssh-client`. */
async function sshKeygen(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ssh-keygen", { args: [...args], stdin: "null" }).output();
  equal(success, true, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const pkcs8 = (key: ReturnType<typeof createPrivateKey>) => key.export({ type: "pkcs8", format: "pem" }).toString();

for (const [type, name] of [["ed25519", "ED25519"], ["rsa", "RSA"]] as const) {
  Deno.test(`opensshKeyPair() writes an ${name} key that ssh-keygen reads, converts and derives the public key from`, async () => {
    const key = type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
      : generateKeyPairSync("ed25519").privateKey;
    for (const comment of ["", "backup@db-1 of prod"]) {
      const pair = opensshKeyPair(key, comment);
      await inFolder(async (folder) => {
        await Deno.writeTextFile(`${folder}/id`, pair.privateKey, { mode: 0o600 });
        await Deno.writeTextFile(`${folder}/public`, pair.publicKey);
        equal(await sshKeygen("-y", "-P", "", "-f", `${folder}/id`), pair.publicKey);
        const expected = new RegExp(`^\\d+ SHA256:\\S{43} ${comment || "no comment"} \\(${name}\\)\n$`);
        const fingerprint = await sshKeygen("-l", "-f", `${folder}/public`);
        match(fingerprint, expected);
        equal((await sshKeygen("-l", "-f", `${folder}/id`)).split(" ")[1], fingerprint.split(" ")[1]);
        // `-p` reads the private parts and writes them anew; RSA keys can be compared with OpenSSL's own format.
        if (type === "rsa") {
          await sshKeygen("-p", "-m", "PKCS8", "-P", "", "-N", "", "-f", `${folder}/id`);
          const converted = createPrivateKey(await Deno.readTextFile(`${folder}/id`));
          equal(pkcs8(converted), pkcs8(key));
        }
      });
    }
  });
}

Deno.test("opensshKeyPair() writes a key that signs, and whose signature its public key verifies", async () => {
  const pair = opensshKeyPair(generateKeyPairSync("ed25519").privateKey, "signer");
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/id`, pair.privateKey, { mode: 0o600 });
    await Deno.writeTextFile(`${folder}/text`, "a text");
    await Deno.writeTextFile(`${folder}/signers`, `signer ${pair.publicKey}`);
    await sshKeygen("-Y", "sign", "-f", `${folder}/id`, "-n", "test", `${folder}/text`);
    const verify = new Deno.Command("ssh-keygen", {
      args: ["-Y", "verify", "-f", `${folder}/signers`, "-I", "signer", "-n", "test", "-s", `${folder}/text.sig`],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const writer = verify.stdin.getWriter();
    await writer.write(utf8("a text"));
    await writer.close();
    const { success, stderr } = await verify.output();
    equal(success, true, new TextDecoder().decode(stderr));
  });
});

Deno.test("opensshKeyPair() pads the private section for every length of a comment", async () => {
  const key = generateKeyPairSync("ed25519").privateKey;
  await inFolder(async (folder) => {
    for (let length = 0; length < 9; length++) {
      const pair = opensshKeyPair(key, "c".repeat(length));
      await Deno.writeTextFile(`${folder}/id${length}`, pair.privateKey, { mode: 0o600 });
      equal(await sshKeygen("-y", "-P", "", "-f", `${folder}/id${length}`), pair.publicKey);
    }
  });
});

Deno.test("opensshKeyPair() keeps lines of 70 characters, and a public key without a comment has two words", () => {
  const key = generateKeyPairSync("ed25519").privateKey;
  const { privateKey, publicKey } = opensshKeyPair(key, "");
  const lines = privateKey.split("\n");
  equal(lines.at(-1), "");
  deepEqual(lines.slice(1, -3).map((line) => line.length), lines.slice(1, -3).map(() => 70));
  const [type, blob = "", ...rest] = publicKey.trimEnd().split(" ");
  deepEqual([type, rest], ["ssh-ed25519", []]);
  const { x } = createPublicKey(key).export({ format: "jwk" });
  equal(new Uint8Array(atob(blob).length).length, 51);
  equal(btoa(atob(blob).slice(-32)).replaceAll("+", "-").replaceAll("/", "_").replace("=", ""), x);
});

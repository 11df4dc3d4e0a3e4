import assert from "node:assert/strict";
import { newSigningKey, stageRelease } from "../../../tests/support/release_stage.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { run } from "../run.ts";
import { trousseau } from "./program.ts";

/** A release in `dist` with its key, and the command on it. */
async function onFolder(
  work: (folder: string, call: (...words: string[]) => ReturnType<typeof called>) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const { key, publicKey } = newSigningKey();
    await stageRelease(`${folder}/dist`, { key });
    await Deno.writeTextFile(`${folder}/release.pub`, publicKey);
    await work(folder, (...words) => called(`${folder}/dist`, "--public-key", `${folder}/release.pub`, ...words));
  });
}

async function called(...words: string[]) {
  const terminal = fakeTerminal();
  const status = await run(["verify-release", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

Deno.test("verify-release ends with 0 for a release, and says its version and commit", async () => {
  await onFolder(async (_, call) => {
    const { status, out, err } = await call();
    assert.deepEqual([status, err], [0, ""]);
    assert.match(
      out,
      /^Verified: Trousseau \d+\.\d+\.\d+, commit 0123456789abcdef0123456789abcdef01234567, 7 files\.\n$/,
    );
  });
});

Deno.test("verify-release ends with 1 and names the file, with --json too", async () => {
  await onFolder(async (folder, call) => {
    await Deno.writeTextFile(`${folder}/dist/clectl-linux-arm64`, "x", { append: true });
    const { status, out } = await call();
    assert.equal(status, 1);
    assert.match(out, /^clectl-linux-arm64: Its SHA-256 is not the one in the list: it was changed\.$/m);
    assert.match(out, /\nNot verified: .* Do not install it\.\n$/);
    const document = JSON.parse((await call("--json")).out);
    assert.equal(document.ok, false);
    assert.equal(document.findings[0].file, "clectl-linux-arm64");
  });
});

Deno.test("verify-release shows no control characters of a forged release", async () => {
  await onFolder(async (folder, call) => {
    await Deno.writeTextFile(`${folder}/dist/\x1b[2K\rVerified`, "");
    const { status, out } = await call();
    assert.equal(status, 1);
    assert.ok(!out.includes("\x1b") && !out.includes("\r"), out);
  });
});

Deno.test("verify-release refuses a call without a key, a short commit, and files that cannot be read", async () => {
  await onFolder(async (folder, call) => {
    assert.equal((await called(`${folder}/dist`)).status, 64);
    assert.equal((await call("--commit", "0123456")).status, 64);
    const key = `${folder}/release.pub`;
    assert.deepEqual((await called(`${folder}/none`, "--public-key", key)).status, 78);
    assert.match((await called(key, "--public-key", key)).err, /Cannot read the release in .*: it is no folder\./);
    assert.match(
      (await called(`${folder}/dist`, "--public-key", `${folder}/none`)).err,
      /Cannot read the public key at /,
    );
    await Deno.writeTextFile(key, "no key");
    const { status, err } = await call();
    assert.equal(status, 78);
    assert.match(err, /Cannot read the public key: it is not one of minisign\./);
  });
});

/**
 * `deploy/release/verify.sh` with Debian's minisign, sha256sum and jq, on a small release.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { repository } from "../../deploy/compile/stage.ts";
import { attestAgain, newSigningKey, releasedCommit, signAgain, stageRelease } from "../support/release_stage.ts";
import { inFolder } from "../support/temporary_folder.ts";

const { key, publicKey } = newSigningKey();

async function onRelease(
  options: Omit<Parameters<typeof stageRelease>[1], "key">,
  work: (
    dist: string,
    verify: (...more: string[]) => Promise<{ code: number; out: string; err: string }>,
  ) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const dist = join(folder, "dist");
    await stageRelease(dist, { key, ...options });
    await Deno.writeTextFile(join(folder, "release.pub"), publicKey);
    await work(dist, async (...more) => {
      const args = [dist, join(folder, "release.pub"), ...more];
      const { code, stdout, stderr } = await new Deno.Command(join(repository, "deploy/release/verify.sh"), { args })
        .output();
      return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
    });
  });
}

Deno.test("verify.sh verifies a release, and its commit where one is given", async () => {
  await onRelease({}, async (_, verify) => {
    for (const more of [[], [releasedCommit]]) {
      const { code, out, err } = await verify(...more);
      assert.deepEqual([code, out, err], [0, `Verified: trousseau 0.1.0 ${releasedCommit}\n`, ""]);
    }
    assert.match((await verify("f".repeat(40))).err, /provenance\.intoto\.json: another commit/);
  });
});

/** Each forgery, whether the forger has the key, and the words that name it. */
const forgeries: Readonly<
  Record<string, readonly [forge: (dist: string) => Promise<void>, signed: boolean, named: RegExp]>
> = {
  "a changed file": [(dist) => replace(join(dist, "notes/one.txt"), "part", "Part"), false, /notes\/one\.txt: FAILED/],
  "an added file": [(dist) => Deno.writeTextFile(join(dist, "new"), ""), false, /a file was added/],
  "an added link": [(dist) => Deno.symlink("/etc/passwd", join(dist, "new")), false, /a file was added/],
  "a missing file": [(dist) => Deno.remove(join(dist, "clectl-linux-arm64")), false, /clectl-linux-arm64: /],
  "a changed list": [(dist) => replace(join(dist, "SHA256SUMS"), "clectl", "Clectl"), false, /SHA256SUMS\.minisig/],
  "a missing signature": [(dist) => Deno.remove(join(dist, "SHA256SUMS.minisig")), false, /SHA256SUMS\.minisig/],
  "another version of a package": [
    async (dist) => {
      await replace(join(dist, "sbom.cdx.json"), /"name": "yaml",\s*"version": "2/, '"name": "yaml", "version": "3');
      await attestAgain(dist, "sbom.cdx.json");
    },
    true,
    /sbom\.cdx\.json: /,
  ],
  "provenance of another commit": [
    (dist) => replace(join(dist, "provenance.intoto.json"), /"gitCommit": "./, '"gitCommit": "f'),
    true,
    /provenance\.intoto\.json/,
  ],
};

async function replace(path: string, from: string | RegExp, to: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  const forged = text.replace(from, to);
  assert.notEqual(forged, text);
  await Deno.writeTextFile(path, forged);
}

for (const [name, [forge, signed, named]] of Object.entries(forgeries)) {
  Deno.test(`verify.sh refuses ${name}`, async () => {
    await onRelease({}, async (dist, verify) => {
      await forge(dist);
      if (signed) await signAgain(dist, key);
      const { code, err, out } = await verify();
      assert.deepEqual([code === 0, out.includes("Verified")], [false, false]);
      assert.match(err + out, named);
    });
  });
}

Deno.test("verify.sh refuses another key, stand-ins, binaries of another commit and of a changed source", async () => {
  await onRelease({}, async (dist, verify) => {
    await Deno.writeTextFile(join(dist, "../release.pub"), newSigningKey(2).publicKey);
    assert.match((await verify()).err, /SHA256SUMS\.minisig/);
  });
  await onRelease({ standIn: true }, async (_, verify) => assert.match((await verify()).err, /stand-in for denort/));
  for (const options of [{ commit: "e".repeat(40) }, { modified: true }]) {
    await onRelease(options, async (_, verify) => {
      assert.match((await verify()).err, /trousseau-linux-amd64: made from another commit, or from a changed source/);
    });
  }
});

/**
 * `deploy/release/verify.sh` with Debian's minisign, sha256sum and jq, on a small release.
 *
 * @module
 */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { repository } from "../../deploy/compile/stage.ts";
import { fileSha256 } from "../../lib/release/release_files.ts";
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

/** A forgery, whether the forger has the key, and the words that name it. */
type Forgery = readonly [forge: (dist: string) => Promise<void>, signed: boolean, named: RegExp];

/** A change of the bill of materials, with its hash in the provenance. */
function changedBom(from: string | RegExp, to: string, named = /sbom\.cdx\.json: /): Forgery {
  return [
    async (dist) => {
      await replace(join(dist, "sbom.cdx.json"), from, to);
      await attestAgain(dist, "sbom.cdx.json");
    },
    true,
    named,
  ];
}

function changedProvenance(from: string | RegExp, to: string, named = /provenance\.intoto\.json/): Forgery {
  return [(dist) => replace(join(dist, "provenance.intoto.json"), from, to), true, named];
}

/** Writes a binary, with its hash in the bill of materials and in the provenance. */
async function changeBinary(dist: string, path: string, bytes: Uint8Array): Promise<void> {
  const before = await fileSha256(path, AbortSignal.timeout(60_000));
  await Deno.writeFile(path, bytes);
  const after = await fileSha256(path, AbortSignal.timeout(60_000));
  await replace(join(dist, "sbom.cdx.json"), before, after);
  for (const file of [basename(path), "sbom.cdx.json"]) await attestAgain(dist, file);
}

const forgeries: Readonly<Record<string, Forgery>> = {
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
  "a package that is left out": changedBom(
    /("name": "yaml",\s*"version": "[^"]*",\s*"scope": ")required/,
    "$1excluded",
  ),
  "a bill of materials of another version": changedBom(/("name": "trousseau",\s*"version": ")/, "$19."),
  "a bill of materials of another format": changedBom("CycloneDX", "SPDX"),
  "another hash of the runtime": changedBom(
    /("name": "denort"[^[]*\[\s*\{\s*"alg": "SHA-256",\s*"content": ")./,
    "$1x",
  ),
  "another size of the runtime": changedBom(
    /("name": "trousseau:runtime:bytes",\s*"value": ")200/,
    "$1199",
    /trousseau-linux-amd64: another runtime inside/,
  ),
  "another runtime than denort": changedBom('"name": "denort"', '"name": "deno"'),
  "a binary with the name of another one": changedBom('"name": "clectl-linux-arm64"', '"name": "clectl-linux-armv7"'),
  "a binary for another machine": [
    async (dist) => {
      const path = join(dist, "clectl-linux-amd64");
      const bytes = await Deno.readFile(path);
      bytes[18] = 0xb7;
      await changeBinary(dist, path, bytes);
    },
    true,
    /clectl-linux-amd64: for another machine/,
  ],
  "a binary around another runtime": [
    async (dist) => {
      const path = join(dist, "trousseau-linux-arm64");
      const bytes = await Deno.readFile(path);
      bytes[100] = 1;
      await changeBinary(dist, path, bytes);
    },
    true,
    /trousseau-linux-arm64: another runtime inside/,
  ],
  "a trusted comment of another commit": [
    (dist) => signAgain(dist, key, "f".repeat(40)),
    false,
    /SHA256SUMS\.minisig: another version or commit/,
  ],
  "provenance of another version": changedProvenance(
    /("version": ")/,
    "$19.",
    /SHA256SUMS\.minisig: another version or commit/,
  ),
  "parameters of another commit": changedProvenance(/("commit": ")./, "$1f", /another commit/),
  "a pattern in the place of the commit": changedProvenance(new RegExp(releasedCommit, "g"), ".*"),
  "provenance of another type": changedProvenance("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v2"),
  "a statement of another type": changedProvenance("Statement/v1", "Statement/v0"),
  "another type of build": changedProvenance("urn:trousseau:release:v1", "urn:trousseau:release:v2"),
  "provenance that names a file twice": changedProvenance(
    /("name": ")notes\/one\.txt(",\s*"digest": \{\s*"sha256": "[^"]*"\s*\}\s*\})/,
    "$&,{$&",
  ),
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

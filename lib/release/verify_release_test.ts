import assert from "node:assert/strict";
import { join } from "node:path";
import type { ReleasePart } from "../../deploy/release/part.ts";
import { newSigningKey, releasedCommit, signAgain, stageRelease } from "../../tests/support/release_stage.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { parseMinisignKey } from "./minisign.ts";
import type { ReleaseExpectation } from "./verify_binary.ts";
import { verifyRelease } from "./verify_release.ts";

const { key, publicKey } = newSigningKey();
const signal = () => AbortSignal.timeout(60_000);

/** A release, and its verification: the findings as lines. */
interface Stage {
  readonly dist: string;
  verify(expectation?: ReleaseExpectation, by?: string): Promise<string[]>;
}

async function onRelease(
  options: Omit<Parameters<typeof stageRelease>[1], "key">,
  work: (stage: Stage) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const dist = join(folder, "dist");
    await stageRelease(dist, { key, ...options });
    await work({
      dist,
      async verify(expectation = {}, by = publicKey) {
        const { findings } = await verifyRelease(dist, parseMinisignKey(by), expectation, signal());
        return findings.map(({ file, problem }) => `${file}: ${problem}`);
      },
    });
  });
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const [before, after] = [await Deno.readTextFile(path), change(await Deno.readTextFile(path))];
  assert.notEqual(after, before, "the text is changed");
  await Deno.writeTextFile(path, after);
}

Deno.test("verifyRelease() finds nothing in a release as it was made, and tells version, commit and files", async () => {
  await onRelease({}, async ({ dist, verify }) => {
    assert.deepEqual(await verify(), []);
    assert.deepEqual(await verify({ commit: releasedCommit }), []);
    const { commit, files } = await verifyRelease(dist, parseMinisignKey(publicKey), {}, signal());
    assert.deepEqual([commit, files], [releasedCommit, 7]);
  });
});

Deno.test("verifyRelease() names the file in which one byte was changed, for each file and its first, middle and last byte", async () => {
  await onRelease({}, async ({ dist, verify }) => {
    const files = ["notes/one.txt"];
    for await (const { name, isFile } of Deno.readDir(dist)) if (isFile) files.push(name);
    assert.equal(files.length, 9);
    for (const file of files) {
      const path = join(dist, file);
      const bytes = await Deno.readFile(path);
      // The first line of a signature is an untrusted comment, which nothing authenticates.
      const first = file.endsWith(".minisig") ? bytes.indexOf(10) + 1 : 0;
      for (const at of [first, (first + bytes.length) >> 1, bytes.length - 1]) {
        const forged = bytes.slice();
        forged[at] = (forged[at] ?? 0) ^ 1;
        await Deno.writeFile(path, forged);
        const found = await verify();
        const named = file === "SHA256SUMS"
          ? /^SHA256SUMS(\.minisig)?: /
          : new RegExp(`^${file.replaceAll(".", "\\.")}: `);
        assert.ok(found.some((line) => named.test(line)), `${file} at ${at}: ${found.join(" ")}`);
      }
      await Deno.writeFile(path, bytes);
    }
    assert.deepEqual(await verify(), []);
  });
});

Deno.test("verifyRelease() names a file that was added, one that is missing, and a link", async () => {
  await onRelease({}, async ({ dist, verify }) => {
    await Deno.writeTextFile(join(dist, "notes/two.txt"), "");
    await Deno.remove(join(dist, "clectl-linux-arm64"));
    await Deno.rename(join(dist, "clectl-linux-amd64"), join(dist, "..", "elsewhere"));
    await Deno.symlink("../elsewhere", join(dist, "clectl-linux-amd64"));
    const found = await verify();
    assert.deepEqual(found.slice(0, 3), [
      "notes/two.txt: It is not in the list of sums: it was added after the release was signed.",
      "clectl-linux-amd64: It is no plain file: a link can lead to another one later.",
      "clectl-linux-arm64: It is missing.",
    ]);
  });
});

Deno.test("verifyRelease() refuses a signature of another key, a missing one, and a missing list", async () => {
  await onRelease({}, async ({ dist, verify }) => {
    const other = newSigningKey(2);
    assert.deepEqual(await verify({}, other.publicKey), [
      "SHA256SUMS.minisig: The signature is of the key 0101010101010101, and the public key is 0202020202020202.",
    ]);
    const sameId = newSigningKey(1);
    assert.match((await verify({}, sameId.publicKey)).join(), /^SHA256SUMS\.minisig: The signature does not hold/);
    await Deno.remove(join(dist, "SHA256SUMS.minisig"));
    assert.deepEqual(await verify(), ["SHA256SUMS.minisig: It is missing."]);
    await Deno.remove(join(dist, "SHA256SUMS"));
    assert.deepEqual(await verify(), ["SHA256SUMS: It is missing.", "SHA256SUMS.minisig: It is missing."]);
  });
});

// From here on the forger has the key: the list is signed again after each change.
const bom = "sbom.cdx.json";
const changes: Readonly<Record<string, readonly [file: string, change: (text: string) => string, finding: RegExp]>> = {
  "a package of another version": [
    bom,
    (text) => text.replace(/("name": "yaml",\s*"version": ")2\.9\.1"/, (_, before) => `${before}2.9.0"`),
    /^(trousseau|clectl)-linux-amd64: sbom\.cdx\.json does not have the packages.* yaml@2\.9\.1 is inside/m,
  ],
  "a package that is left out": [
    bom,
    (text) => text.replace(/,\s*"pkg:npm\/zod@[^"]*"/, ""),
    /^trousseau-linux-amd64: .*zod@4\.6\.7 is inside and not listed/m,
  ],
  "a package that is not inside": [
    bom,
    (text) => text.replace(/"ref": "file:clectl-linux-amd64",\s*"dependsOn": \[/, '$&"pkg:npm/zod@4.6.7",'),
    /^clectl-linux-amd64: .*zod@4\.6\.7 is listed and not inside/m,
  ],
  "another hash of the runtime": [
    bom,
    (text) =>
      text.replace(
        /("name": "denort",\s*"version": "[^"]*",\s*"hashes": \[\s*\{\s*"alg": "SHA-256",\s*"content": ")./,
        "$1x",
      ),
    /^trousseau-linux-amd64: .*another SHA-256 for the runtime inside/m,
  ],
  "another hash of a binary": [
    bom,
    (text) => text.replace(/("name": "clectl-linux-arm64",[^[]*\[\s*\{\s*"alg": "SHA-256",\s*"content": ")./, "$1x"),
    /^clectl-linux-arm64: .*another SHA-256 for this binary/m,
  ],
  "a bill of materials of another format": [
    bom,
    (text) => text.replace("CycloneDX", "SPDX"),
    /^sbom\.cdx\.json: Cannot read/m,
  ],
  "provenance of another commit": [
    "provenance.intoto.json",
    (text) => text.replaceAll(releasedCommit, "f".repeat(40)),
    /^provenance\.intoto\.json: It is of the commit f{40}, and trousseau-linux-amd64 was made from 01234567/m,
  ],
  "provenance with two commits": [
    "provenance.intoto.json",
    (text) => text.replace(`"gitCommit": "${releasedCommit}"`, `"gitCommit": "${"f".repeat(40)}"`),
    /^provenance\.intoto\.json: Its source has another commit than its parameters/m,
  ],
  "provenance without a file": [
    "provenance.intoto.json",
    (text) => text.replace('"name": "notes/one.txt"', '"name": "notes/two.txt"'),
    /does not name notes\/one\.txt with its SHA-256[^]*It names notes\/two\.txt, which the release does not have/,
  ],
  "provenance that names a file twice": [
    "provenance.intoto.json",
    (text) => text.replace(/("name": ")notes\/one\.txt(",\s*"digest": \{\s*"sha256": "[^"]*"\s*\}\s*\})/, "$&,{$&"),
    /^provenance\.intoto\.json: It names a file twice/m,
  ],
  "provenance of another version": [
    "provenance.intoto.json",
    (text) => text.replace(/"version": "[^"]*"/, '"version": "9.9.9"'),
    /^sbom\.cdx\.json: It is of another version[^]*^SHA256SUMS\.minisig: Its trusted comment names another version/m,
  ],
};

for (const [name, [file, change, finding]] of Object.entries(changes)) {
  Deno.test(`verifyRelease() refuses ${name}, also where it is signed`, async () => {
    await onRelease({}, async ({ dist, verify }) => {
      await edit(join(dist, file), change);
      await signAgain(dist, key);
      assert.match((await verify()).join("\n"), finding);
    });
  });
}

Deno.test("verifyRelease() refuses stand-ins, and accepts them where they are asked for", async () => {
  await onRelease({ standIn: true }, async ({ verify }) => {
    const found = await verify();
    assert.equal(found.length, 4);
    for (const line of found) assert.match(line, /-standin: It is made around a stand-in for denort/);
    assert.deepEqual(await verify({ standIn: true }), []);
  });
});

Deno.test("verifyRelease() refuses a stand-in under the name of a release", async () => {
  await onRelease({ standIn: true }, async ({ dist, verify }) => {
    const name = "trousseau-linux-amd64";
    await Deno.rename(join(dist, `${name}-standin`), join(dist, name));
    for (const text of ["SHA256SUMS", bom]) {
      await edit(join(dist, text), (all) => all.replaceAll(`${name}-standin`, name));
    }
    await signAgain(dist, key);
    const found = await verify({ standIn: true });
    assert.ok(
      found.includes(`${name}: ${bom} names another runtime inside this binary than its name does.`),
      found.join(),
    );
  });
});

Deno.test("verifyRelease() refuses binaries of another commit, of a changed source, and an unexpected commit", async () => {
  await onRelease({ commit: "e".repeat(40) }, async ({ verify }) => {
    assert.match(
      (await verify()).join(),
      /It is of the commit 0123.*, and trousseau-linux-amd64 was made from e{40}\./,
    );
  });
  await onRelease({ modified: true }, async ({ verify }) => {
    assert.match(
      (await verify()).join(),
      /clectl-linux-arm64: It was made from a source that differed from its commit/,
    );
  });
  await onRelease({}, async ({ verify }) => {
    const found = await verify({ commit: "d".repeat(40) });
    assert.deepEqual(found, [
      `provenance.intoto.json: It is of the commit ${releasedCommit}, and not of the expected one.`,
    ]);
  });
});

Deno.test("verifyRelease() refuses a binary for another machine than its name says", async () => {
  await onRelease({}, async ({ dist, verify }) => {
    const path = join(dist, "clectl-linux-amd64");
    const bytes = await Deno.readFile(path);
    bytes[18] = 0xb7;
    await Deno.writeFile(path, bytes);
    const sums = await Deno.readTextFile(join(dist, "SHA256SUMS"));
    await signAgain(dist, key);
    const [before, after] = [sums, await Deno.readTextFile(join(dist, "SHA256SUMS"))].map((text) =>
      /^([0-9a-f]+) {2}clectl-linux-amd64$/m.exec(text)?.[1] ?? ""
    );
    await edit(join(dist, bom), (text) => text.replace(before ?? "", after ?? ""));
    await signAgain(dist, key);
    assert.match((await verify()).join("\n"), /^clectl-linux-amd64: It is not for the machine that its name says/m);
  });
});

Deno.test("verifyRelease() refuses a list that leads out of the folder, or names a file twice", async () => {
  await onRelease({}, async ({ dist, verify }) => {
    const before = await Deno.readTextFile(join(dist, "SHA256SUMS"));
    for (const name of ["../secret", "/etc/passwd", "notes//one.txt", "."]) {
      await Deno.writeTextFile(join(dist, "SHA256SUMS"), `${before}${"0".repeat(64)}  ${name}\n`);
      assert.match((await verify()).join("\n"), /^SHA256SUMS: The list names ".*", which is no name/m);
    }
    await Deno.writeTextFile(join(dist, "SHA256SUMS"), before + before);
    assert.match((await verify()).join("\n"), /^SHA256SUMS: The list names "clectl-linux-amd64" twice/m);
  });
});

Deno.test("makeRelease() gives the same bytes in two folders, and replaces the folder from before", async () => {
  await onRelease({}, async ({ dist }) => {
    const other = join(dist, "..", "other");
    const old: ReleasePart = {
      name: "old",
      async make(context) {
        await Deno.writeTextFile(join(context.dist, "old.txt"), "from before");
        return ["old.txt"];
      },
    };
    await stageRelease(other, { key, parts: [old] });
    await stageRelease(other, { key });
    const { success, stdout } = await new Deno.Command("diff", { args: ["-r", dist, other] }).output();
    assert.ok(success, new TextDecoder().decode(stdout));
    assert.equal((await Deno.stat(join(other, "notes/one.txt"))).mtime?.getTime(), 1_700_000_000_000);
  });
});

Deno.test("makeRelease() leaves the folder from before as it was, if a part fails", async () => {
  await onRelease({}, async ({ dist, verify }) => {
    const broken = { name: "broken", make: () => Promise.reject(new Error("a part fails")) };
    await assert.rejects(stageRelease(dist, { key, parts: [broken] }), /a part fails/);
    assert.deepEqual(await verify(), []);
    const left = await Array.fromAsync(Deno.readDir(join(dist, "..")), ({ name }) => name);
    assert.deepEqual(left, ["dist"]);
  });
});

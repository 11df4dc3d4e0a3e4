import { strict as assert } from "node:assert";
import { makeFifo } from "../../tests/support/fifo.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import {
  exposureOf,
  exposureRemarks,
  readCredentialFile,
  readCredentialText,
  readSecretFile,
  whyWritable,
} from "./credential_file.ts";

Deno.test("whyWritable() refuses a file writable for every user, and accepts one writable for its group", () => {
  const cases: readonly [mode: number, uid: number, gid: number, why: RegExp | undefined][] = [
    [0o100600, 993, 993, undefined],
    [0o100644, 0, 0, undefined],
    // The file of a Secret or token in a pod, with and without an fsGroup.
    [0o100440, 0, 2000, undefined],
    [0o100640, 0, 2000, undefined],
    // A user's private group under umask 0002, and any user of the root group in a container of OpenShift.
    [0o100664, 1000, 1000, undefined],
    [0o100660, 1000650000, 0, undefined],
    // A group that an administrator chose, and a volume that Kubernetes made writable for an fsGroup.
    [0o100660, 0, 2000, undefined],
    [0o100602, 993, 993, /^every user may write it \(mode 0602\); run chmod o-w \/f$/],
    [0o100666, 0, 0, /^every user may write it \(mode 0666\); run chmod go-w \/f$/],
  ];
  for (const [mode, uid, gid, why] of cases) {
    const said = whyWritable("/f", { mode, uid, gid });
    if (why === undefined) assert.equal(said, undefined, mode.toString(8));
    else assert.match(said ?? "", why);
  }
});

Deno.test("exposureRemarks() warns of a writable group that is neither root's nor the owner's private group", () => {
  const remarks = (mode: number, uid: number, gid: number) =>
    exposureRemarks("/f", { file: { mode, uid, gid }, folders: [] }, false);
  for (const [mode, uid, gid] of [[0o640, 0, 2000], [0o664, 1000, 1000], [0o660, 5000, 0]] as const) {
    assert.deepEqual(remarks(mode, uid, gid), []);
  }
  assert.deepEqual(remarks(0o660, 0, 2000), [
    "All of group 2000 may write /f (mode 0660), and so choose its content; run chmod g-w on it.",
  ]);
});

Deno.test("readCredentialFile() checks the target of a symbolic link at each reading", () =>
  inFolder(async (folder) => {
    // As in a Kubernetes volume: token → ..data/token, ..data → ..1.
    await Deno.mkdir(`${folder}/..1`);
    await Deno.writeTextFile(`${folder}/..1/token`, "x", { mode: 0o644 });
    await Deno.symlink("..1", `${folder}/..data`);
    await Deno.symlink("..data/token", `${folder}/token`);
    for (const read of [readCredentialFile, readCredentialText, readSecretFile]) {
      await Deno.chmod(`${folder}/..1/token`, 0o644);
      assert.equal((await read(`${folder}/token`, 10)).length, 1);
      await Deno.chmod(`${folder}/..1/token`, 0o646);
      await assert.rejects(read(`${folder}/token`, 10), { name: "WritableByOthers", why: /chmod o-w/ });
    }
  }));

Deno.test("readCredentialFile() does not wait for a FIFO of any mode", () =>
  inFolder(async (folder) => {
    await makeFifo(`${folder}/token`);
    for (const mode of [0o600, 0o666]) {
      await Deno.chmod(`${folder}/token`, mode);
      await assert.rejects(readCredentialFile(`${folder}/token`, 10), { name: "NotARegularFile" });
      assert.notEqual(await exposureOf(`${folder}/token`), undefined);
    }
  }));

Deno.test("readCredentialText() distinguishes an empty file from a binary one", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/der`, Uint8Array.of(0x30, 0x82, 0xff));
    await assert.rejects(readCredentialText(`${folder}/der`, 10), { why: /it is binary, not text; .*PEM/ });
    await Deno.writeTextFile(`${folder}/empty`, "\n");
    await assert.rejects(readCredentialText(`${folder}/empty`, 10), { why: "it is empty" });
  }));

Deno.test("exposureRemarks() warns of files readable for others, and of folders in which others can replace the file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/place/token`;
    await Deno.mkdir(`${folder}/place`);
    await Deno.writeTextFile(path, "x", { mode: 0o644 });
    const remarks = async (secret = true) => {
      const exposure = await exposureOf(path);
      return exposure === undefined ? assert.fail() : exposureRemarks(path, exposure, secret);
    };
    const [readable, ...rest] = await remarks();
    assert.match(
      readable ?? "",
      /^Every user of this machine may read .*\/token \(mode 0644\); run chmod o-r .*defaultMode: 0400/,
    );
    assert.deepEqual(rest, []);
    assert.deepEqual(await remarks(false), [], "a certificate is public");
    await Deno.chmod(path, 0o640);
    assert.deepEqual(await remarks(), []);
    await Deno.chmod(`${folder}/place`, 0o777);
    assert.match(
      (await remarks()).join(),
      /may replace .*\/token, since its folder .*\/place has mode 0777; run chmod o-w/,
    );
    await Deno.chmod(`${folder}/place`, 0o1777);
    assert.deepEqual(await remarks(), [], "the sticky bit keeps others from replacing it");
    assert.equal(await exposureOf(`${folder}/none`), undefined);
  }));

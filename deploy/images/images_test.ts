import assert from "node:assert/strict";
import { join } from "node:path";
import { unpackTar } from "modern-tar";
import { utf8Text } from "../../lib/base/bytes.ts";
import { parseBillOfMaterials } from "../../lib/release/bill_of_materials.ts";
import { parseMinisignKey } from "../../lib/release/minisign.ts";
import { verifyRelease } from "../../lib/release/verify_release.ts";
import { newSigningKey, releasedAt, releasedCommit, stageRelease } from "../../tests/support/release_stage.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { serveMirror, tinyDebian } from "../../tests/support/tiny_debian.ts";
import { repository } from "../compile/stage.ts";
import type { ReleasePart } from "../release/part.ts";
import type { DebianTable } from "./debian_table.ts";
import { imagesFile, imagesFrom, imageTags } from "./images.ts";
import { type CheckedImage, checkLayout } from "./layout_check.ts";

const { key, publicKey } = newSigningKey();

/** The part of the images with packages of a few bytes, and a folder for releases. */
async function withTinyImages(work: (part: ReleasePart, folder: string, table: DebianTable) => Promise<void>) {
  await inFolder(async (folder) => {
    const table = await tinyDebian(folder);
    await using mirror = serveMirror(folder);
    const source = { folder: join(folder, "cache"), mirror: () => Promise.resolve(mirror.address) };
    await work(imagesFrom(() => Promise.resolve(table), source), folder, table);
  });
}

const read = async (dist: string, name: string) => await checkLayout(await Deno.readFile(join(dist, name)));

/** The files of the image: the modes and texts of files, the targets of links. */
async function treeOf({ layers }: CheckedImage): Promise<ReadonlyMap<string, string>> {
  const tree = new Map<string, string>();
  for (const layer of layers) {
    for (const { header, data } of await unpackTar(layer, { strict: true })) {
      assert.equal(header.mtime?.getTime(), releasedAt * 1000, header.name);
      const content = header.type === "symlink" ? `-> ${header.linkname}` : data && utf8Text(data);
      const owner = header.uid === 0 ? "" : ` ${header.uid}:${header.gid}`;
      tree.set(header.name, `${header.mode?.toString(8)}${owner}${content === undefined ? "" : ` ${content}`}`);
    }
  }
  return tree;
}

Deno.test("images of a release have the packages' libraries and licences, authorities, users, and the program", async () => {
  await withTinyImages(async (part, folder) => {
    const dist = join(folder, "dist");
    await stageRelease(dist, { key: undefined, parts: [part] });
    const found = await read(dist, "trousseau-0.1.0-oci.tar");
    assert.deepEqual(found.map(({ tag, architecture }) => [tag, architecture]), [
      ["0.1.0", "amd64"],
      ["0.1.0", "arm64"],
      ["0.1.0-debug", "amd64"],
      ["0.1.0-debug", "arm64"],
    ]);
    for (const image of found) {
      const tree = await treeOf(image);
      assert.equal(tree.get("usr/lib/x/libc.so.6"), "644 a library\n");
      assert.equal(tree.get("lib"), "777 -> usr/lib");
      assert.equal(tree.get("etc/ssl/certs/ca-certificates.crt"), "644 first\nsecond\n");
      assert.equal(tree.get("usr/share/doc/libgcc-s1"), "777 -> gcc-14-base");
      assert.match(tree.get("etc/passwd") ?? "", /^nonroot:x:65532:65532:/m);
      assert.deepEqual(["tmp/", "root/", "home/nonroot/"].map((name) => tree.get(name)), [
        "1777",
        "700",
        "700 65532:65532",
      ]);
      assert.match(tree.get("var/lib/dpkg/status.d/libc6") ?? "", /^644 Package: libc6\nVersion: 1\.0-1\n/);
      assert.match(tree.get("usr/share/doc/trousseau/LICENSE") ?? "", /^644 [^]*Apache License/);
      assert.doesNotMatch([...tree.values()].join(), /left out/);
      const shells = [...tree.keys()].filter((name) => /\/(sh|busybox)$/.test(name));
      assert.deepEqual(shells, image.tag === "0.1.0" ? [] : ["usr/bin/busybox", "usr/bin/sh"]);
    }
  });
});

Deno.test("images of a release contain its own binary and its bill of materials, which lists their packages", async () => {
  await withTinyImages(async (part, folder, table) => {
    const dist = join(folder, "dist");
    await stageRelease(dist, { key: undefined, parts: [part] });
    const text = await Deno.readTextFile(join(dist, "sbom.cdx.json"));
    for (const image of await read(dist, "trousseau-0.1.0-oci.tar")) {
      const entries = await Promise.all(image.layers.map((layer) => unpackTar(layer)));
      const dataOf = (name: string) => entries.flat().find(({ header }) => header.name === name)?.data;
      const binary = await Deno.readFile(join(dist, `trousseau-linux-${image.architecture}`));
      assert.deepEqual(dataOf("usr/local/bin/trousseau"), binary);
      assert.equal(utf8Text(dataOf("usr/share/doc/trousseau/sbom.cdx.json") ?? new Uint8Array()), text);
    }
    const bom = parseBillOfMaterials(text);
    const listed = bom.components.find(({ purl }) => purl === "pkg:deb/debian/libc6@1.0-1?arch=arm64&distro=debian-13");
    assert.deepEqual(listed?.hashes, [{ alg: "SHA-256", content: table["libc6"]?.arm64.sha256 }]);
    const partsOf = (ref: string) => bom.dependencies.find((row) => row.ref === ref)?.dependsOn ?? [];
    assert.ok(partsOf("trousseau").includes("image:0.1.0:arm64"));
    const [plain, debug] = [partsOf("image:0.1.0:arm64"), partsOf("image:0.1.0-debug:arm64")];
    assert.deepEqual([plain[0], plain.length], ["file:trousseau-linux-arm64", 6]);
    assert.deepEqual(debug.filter((one) => !plain.includes(one)), [
      "pkg:deb/debian/busybox-static@1.0-1?arch=arm64&distro=debian-13",
    ]);
    const refs = bom.components.map((one) => one["bom-ref"]);
    assert.equal(new Set(refs).size, refs.length);
    for (const { dependsOn = [] } of bom.dependencies) {
      for (const ref of dependsOn) assert.ok(refs.includes(ref), ref);
    }
  });
});

Deno.test("images of a release are the same bytes in two folders, and verifyRelease() finds a changed byte in a layer", async () => {
  await withTinyImages(async (part, folder) => {
    const [dist, other] = [join(folder, "one", "dist"), join(folder, "other", "dist")];
    for (const path of [dist, other]) {
      await Deno.mkdir(join(path, ".."));
      await stageRelease(path, { key, parts: [part] });
    }
    const archive = join(dist, "trousseau-0.1.0-oci.tar");
    const bytes = await Deno.readFile(archive);
    assert.deepEqual(bytes, await Deno.readFile(join(other, "trousseau-0.1.0-oci.tar")));
    const verify = async () => {
      const { findings } = await verifyRelease(dist, parseMinisignKey(publicKey), {}, AbortSignal.timeout(60_000));
      return findings.map(({ file, problem }) => `${file}: ${problem}`);
    };
    assert.deepEqual(await verify(), []);
    // The beginning of a gzip stream: a layer.
    const at = bytes.findIndex((byte, index) => byte === 0x1f && bytes[index + 1] === 0x8b) + 20;
    assert.ok(at > 20);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await Deno.writeFile(archive, bytes);
    assert.deepEqual(await verify(), [
      "trousseau-0.1.0-oci.tar: Its SHA-256 is not the one in the list: it was changed.",
    ]);
    await assert.rejects(checkLayout(bytes), /the blob sha256:[0-9a-f]{64} differs from its digest/);
  });
});

Deno.test("images around a stand-in say so in the file's name and in each tag", async () => {
  await withTinyImages(async (part, folder) => {
    const dist = join(folder, "dist");
    await stageRelease(dist, { key: undefined, standIn: true, parts: [part] });
    const found = await read(dist, "trousseau-0.1.0-oci-standin.tar");
    assert.deepEqual([...new Set(found.map(({ tag }) => tag))], ["0.1.0-standin", "0.1.0-standin-debug"]);
  });
});

Deno.test("a release without a package of its images fails with one sentence, and leaves no folder", async () => {
  await withTinyImages(async (part, folder, table) => {
    await Deno.remove(join(folder, "debian", table["busybox-static"]?.arm64.path ?? ""));
    const dist = join(folder, "dist");
    await assert.rejects(stageRelease(dist, { key: undefined, parts: [part] }), {
      message:
        /^Cannot fetch busybox-static 1\.0-1 for arm64: .* any more\. Renew deploy\/images\/debian\.json with deno/,
    });
    await assert.rejects(Deno.stat(dist), Deno.errors.NotFound);
  });
});

Deno.test("imageTags() and imagesFile() keep a version that a tag cannot have apart", () => {
  assert.deepEqual(imageTags("1.2.3-rc.1+5", false), { plain: "1.2.3-rc.1_5", debug: "1.2.3-rc.1_5-debug" });
  assert.equal(imagesFile("1.2.3-rc.1", false), "trousseau-1.2.3-rc.1-oci.tar");
});

Deno.test("images have the labels, the user and the words of the Dockerfile", async () => {
  const dockerfile = await Deno.readTextFile(join(repository, "Dockerfile"));
  const listOf = (name: string) => JSON.parse(new RegExp(`^${name} (\\[.*\\])$`, "m").exec(dockerfile)?.[1] ?? "null");
  const labels = [...dockerfile.matchAll(/(org\.opencontainers\.image\.\w+)="([^"]*)"/g)];
  await withTinyImages(async (part, folder) => {
    const dist = join(folder, "dist");
    await stageRelease(dist, { key: undefined, parts: [part] });
    for (const { settings } of await read(dist, "trousseau-0.1.0-oci.tar")) {
      assert.deepEqual([settings["Entrypoint"], settings["Cmd"]], [listOf("ENTRYPOINT"), listOf("CMD")]);
      assert.equal(settings["User"], /^USER (.*)$/m.exec(dockerfile)?.[1]);
      assert.deepEqual(
        settings["Labels"],
        Object.fromEntries(labels.map(([, name, value = ""]) => [name, value.replace("$COMMIT", releasedCommit)])),
      );
    }
  });
});

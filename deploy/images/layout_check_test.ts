import assert from "node:assert/strict";
import { packTar, unpackTar } from "modern-tar";
import { sha256Hex, utf8, utf8Text } from "../../lib/base/bytes.ts";
import { imageConfig } from "./image_config.ts";
import { makeLayer } from "./layer.ts";
import { packLayout } from "./layout.ts";
import { checkLayout } from "./layout_check.ts";

const identity = { version: "1.2.3", commit: "c".repeat(40), sourceDate: 1_700_000_000 };

/** Two images for two machines, which share layers. */
async function tinyLayout(): Promise<Uint8Array> {
  const layer = (name: string) =>
    makeLayer(name, [{ name, type: "file", mode: 0o644, body: utf8(name) }], identity.sourceDate);
  const image = async (tag: string, names: readonly string[]) => ({
    tag,
    annotations: {},
    platforms: await Promise.all((["amd64", "arm64"] as const).map(async (architecture) => {
      const layers = await Promise.all([...names, `program-${architecture}`].map(layer));
      return { architecture, layers, config: imageConfig(layers, architecture, identity) };
    })),
  });
  const images = [await image("1.2.3", ["base"]), await image("1.2.3-debug", ["base", "tools"])];
  return await packLayout(images, identity.sourceDate);
}

type Files = Map<string, Uint8Array>;

async function filesOf(archive: Uint8Array): Promise<Files> {
  const entries = await unpackTar(archive, { strict: true });
  return new Map(entries.flatMap(({ header: { name }, data }) => data === undefined ? [] : [[name, data]]));
}

async function pack(files: Files): Promise<Uint8Array> {
  return await packTar([...files].map(([name, body]) => ({ header: { name, size: body.length, type: "file" }, body })));
}

Deno.test("checkLayout() gives the images of a layout, each with its machine, settings and layers", async () => {
  const found = await checkLayout(await tinyLayout());
  assert.deepEqual(found.map(({ tag, architecture, layers }) => [tag, architecture, layers.length]), [
    ["1.2.3", "amd64", 2],
    ["1.2.3", "arm64", 2],
    ["1.2.3-debug", "amd64", 3],
    ["1.2.3-debug", "arm64", 3],
  ]);
  for (const { settings } of found) {
    assert.deepEqual([settings["User"], settings["Entrypoint"]], ["65532:65532", ["/usr/local/bin/trousseau"]]);
  }
});

Deno.test("packLayout() gives the same bytes twice, each blob once, and a name for each importer", async () => {
  const archive = await tinyLayout();
  assert.deepEqual(archive, await tinyLayout());
  const files = await filesOf(archive);
  // Four layers, four configurations, four manifests and two indexes.
  assert.equal([...files.keys()].filter((name) => name.startsWith("blobs/sha256/")).length, 14);
  const { manifests } = JSON.parse(utf8Text(files.get("index.json") ?? new Uint8Array()) ?? "");
  assert.deepEqual(manifests.map(({ annotations }: { annotations: unknown }) => annotations), [
    { "org.opencontainers.image.ref.name": "1.2.3", "io.containerd.image.name": "localhost/trousseau:1.2.3" },
    {
      "org.opencontainers.image.ref.name": "1.2.3-debug",
      "io.containerd.image.name": "localhost/trousseau:1.2.3-debug",
    },
  ]);
});

Deno.test("checkLayout() finds one changed byte in each blob, at its beginning, middle and end", async () => {
  const files = await filesOf(await tinyLayout());
  for (const [name, bytes] of files) {
    if (!name.startsWith("blobs/")) continue;
    for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
      const forged = bytes.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      const digest = name.replace("blobs/sha256/", "sha256:");
      await assert.rejects(
        checkLayout(await pack(new Map([...files, [name, forged]]))),
        new RegExp(`the blob ${digest} differs from its digest or its size`),
      );
    }
  }
});

Deno.test("checkLayout() finds a file that is missing, and one that no image uses", async () => {
  const files = await filesOf(await tinyLayout());
  for (const name of files.keys()) {
    const without = new Map([...files].filter(([other]) => other !== name));
    await assert.rejects(checkLayout(await pack(without)), new RegExp(`${name.replace(".", "\\.")} is missing`));
  }
  const surplus = `blobs/sha256/${sha256Hex(utf8("x"))}`;
  await assert.rejects(checkLayout(await pack(new Map([...files, [surplus, utf8("x")]]))), /no image uses blobs/);
});

/** Changes the JSON texts that have `from`, and every digest and size that names them. */
async function forgedJson(from: RegExp, to: string): Promise<Uint8Array> {
  const files = await filesOf(await tinyLayout());
  let changed = 0;
  for (const [name, bytes] of files) {
    const text = utf8Text(bytes) ?? "";
    if (!text.startsWith("{") || !from.test(text)) continue;
    files.set(name, utf8(text.replace(from, to)));
    changed++;
  }
  assert.ok(changed > 0, "a text is changed");
  return await pack(withOwnDigests(files));
}

/** Puts each blob under its own digest, and changes its pointers, until each blob has its place. */
function withOwnDigests(files: Files): Files {
  const place = (bytes: Uint8Array) => `blobs/sha256/${sha256Hex(bytes)}`;
  for (;;) {
    const [name, bytes] = [...files].find(([name, bytes]) => name.startsWith("blobs/") && name !== place(bytes)) ?? [];
    if (name === undefined || bytes === undefined) return files;
    files.delete(name);
    files.set(place(bytes), bytes);
    const pointer = new RegExp(`${name.replace("blobs/sha256/", '"sha256:')}","size":\\d+`, "g");
    for (const [other, content] of files) {
      const text = utf8Text(content);
      if (!text?.startsWith("{")) continue;
      files.set(other, utf8(text.replaceAll(pointer, `"sha256:${sha256Hex(bytes)}","size":${bytes.length}`)));
    }
  }
}

const forgeries: Readonly<Record<string, readonly [from: RegExp, to: string, finding: RegExp]>> = {
  "a configuration for another machine": [
    /"architecture":"arm64","os":"linux","config"/,
    '"architecture":"amd64","os":"linux","config"',
    /is for another machine than its index says/,
  ],
  "a configuration without a layer": [
    /"diff_ids":\["sha256:[0-9a-f]{64}",/,
    '"diff_ids":[',
    /another number of layers/,
  ],
  "a configuration with another layer": [
    /"diff_ids":\["sha256:(?!0{64})[0-9a-f]{64}"/,
    `"diff_ids":["sha256:${"0".repeat(64)}"`,
    /unpacks to another content than/,
  ],
  "a layer of another type": [/layer\.v1\.tar\+gzip/, "layer.v1.tar+zstd", /is a application\/vnd.oci.image.layer.v1/],
  "a manifest of another version": [/"schemaVersion":2(?=[^]*"layers")/, '"schemaVersion":1', /is not as the format/],
  "a digest of another kind": [/"config":\{([^}]*)"sha256:/, '"config":{$1"sha512:', /is not as the format has it/],
  "an entry without a tag": [/"org\.opencontainers\.image\.ref\.name":/, '"name":', /no index with a tag/],
  "a layout of another version": [/"imageLayoutVersion":"1/, '"imageLayoutVersion":"2', /oci-layout is not as/],
};

for (const [name, [from, to, finding]] of Object.entries(forgeries)) {
  Deno.test(`checkLayout() refuses ${name}, also where every digest is right`, async () => {
    await assert.rejects(checkLayout(await forgedJson(from, to)), finding);
  });
}

Deno.test("checkLayout() refuses bytes that are no archive, and a link in the place of a file", async () => {
  await assert.rejects(checkLayout(utf8("no archive".repeat(100))));
  await assert.rejects(checkLayout(new Uint8Array(1024)), /oci-layout is missing/);
  const link = { name: "oci-layout", type: "symlink", linkname: "/etc/passwd", size: 0 } as const;
  await assert.rejects(checkLayout(await packTar([{ header: link }])), /oci-layout is no file/);
});

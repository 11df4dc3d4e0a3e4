/**
 * Writes an OCI image layout (OCI image format 1.1, `image-layout.md`) as one archive.
 *
 * @module
 */
import { packTar } from "modern-tar";
import { compareTexts, sha256Hex, utf8 } from "../../lib/base/bytes.ts";
import type { Architecture } from "../compile/targets.ts";
import type { ImageLayer } from "./layer.ts";

/** The media types of the format. */
export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** The image of one machine. */
export interface PlatformImage {
  readonly architecture: Architecture;
  readonly layers: readonly ImageLayer[];
  readonly config: unknown;
}

/** An image for all machines, under a tag. */
export interface TaggedImage {
  readonly tag: string;
  readonly platforms: readonly PlatformImage[];
  /** Of the index and of each manifest. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** A pointer to a blob. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** The repository that `ctr images import` gives to the images: no registry has it. */
export const localRepository = "localhost/trousseau";

/**
 * The archive of a layout with some images. Blobs that images share are in it once.
 *
 * @param sourceDate the time of each entry, in seconds since 1970.
 */
export async function packLayout(
  images: readonly TaggedImage[],
  sourceDate: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array>();
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: images.map((one) => addImage(files, one)) };
  files.set("index.json", json(index));
  files.set("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  const mtime = new Date(sourceDate * 1000);
  const common = { uid: 0, gid: 0, mtime };
  const folders = ["blobs/", "blobs/sha256/"].map((name) => ({
    header: { ...common, name, type: "directory" as const, mode: 0o755, size: 0 },
  }));
  const sorted = [...files].toSorted(([one], [other]) => compareTexts(one, other));
  return await packTar([
    ...folders,
    ...sorted.map(([name, body]) => ({
      header: { ...common, name, type: "file" as const, mode: 0o644, size: body.length },
      body,
    })),
  ]);
}

function addImage(files: Map<string, Uint8Array>, { tag, platforms, annotations }: TaggedImage) {
  const manifests = platforms.map(({ architecture, layers, config }) => ({
    ...addBlob(
      files,
      mediaTypes.manifest,
      json({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: addBlob(files, mediaTypes.config, json(config)),
        layers: layers.map(({ blob }) => addBlob(files, mediaTypes.layer, blob)),
        annotations,
      }),
    ),
    platform: { architecture, os: "linux" },
  }));
  const index = json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests, annotations });
  const names = { "org.opencontainers.image.ref.name": tag, "io.containerd.image.name": `${localRepository}:${tag}` };
  return { ...addBlob(files, mediaTypes.index, index), annotations: names };
}

function addBlob(files: Map<string, Uint8Array>, mediaType: string, blob: Uint8Array): Descriptor {
  const sha256 = sha256Hex(blob);
  files.set(`blobs/sha256/${sha256}`, blob);
  return { mediaType, digest: `sha256:${sha256}`, size: blob.length };
}

function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

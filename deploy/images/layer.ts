/**
 * Layers of images: tar archives in gzip, the same bytes from the same entries.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { compareTexts, sha256Hex } from "../../lib/base/bytes.ts";

/** A file, link or folder of a layer, by its path without a slash at the beginning. It belongs to root if not said. */
export type LayerEntry =
  | { readonly name: string; readonly type: "file"; readonly mode: number; readonly body: Uint8Array }
  | { readonly name: string; readonly type: "symlink"; readonly linkname: string }
  | { readonly name: string; readonly type: "directory"; readonly mode: number; readonly owner?: number };

/** A layer. */
export interface ImageLayer {
  /** The step that made it, for the image's history. */
  readonly createdBy: string;
  /** The compressed archive. */
  readonly blob: Uint8Array;
  /** SHA-256 of the archive before it was compressed, in lowercase hex. */
  readonly diffId: string;
}

// A package's or an image's path: no empty part, and none that leads upwards.
const layerPath = /^(?!\.{1,2}(\/|$))[^/\0]+(\/(?!\.{1,2}(\/|$))[^/\0]+)*$/;

/**
 * Makes a layer. A folder that is not among the entries is made with mode 0755.
 *
 * @param sourceDate the time of each entry, in seconds since 1970.
 * @throws {Error} for a path that stands twice, lies below a file or link, or leads out of the image.
 */
export async function makeLayer(
  createdBy: string,
  entries: readonly LayerEntry[],
  sourceDate: number,
): Promise<ImageLayer> {
  const mtime = new Date(sourceDate * 1000);
  const packed = await packTar(
    withFolders(entries).map((entry) => ({
      header: { ...headerOf(entry), mtime },
      ...(entry.type === "file" ? { body: entry.body } : {}),
    })),
  );
  // Without a time of its own in the header of gzip. Level 9 saves a hundredth and takes twice as long.
  return { createdBy, blob: new Uint8Array(gzipSync(packed, { level: 6 })), diffId: sha256Hex(packed) };
}

function headerOf(entry: LayerEntry) {
  const { name, type } = entry;
  const common = { type, uid: 0, gid: 0, size: 0 } as const;
  if (entry.type === "symlink") return { ...common, name, mode: 0o777, linkname: entry.linkname };
  if (entry.type === "file") return { ...common, name, mode: entry.mode, size: entry.body.length };
  const { owner = 0, mode } = entry;
  return { ...common, name: `${name}/`, mode, uid: owner, gid: owner };
}

/** The entries with the folders above them, sorted: a folder comes before its content. */
function withFolders(entries: readonly LayerEntry[]): LayerEntry[] {
  const all = new Map<string, LayerEntry>();
  for (const entry of entries) {
    if (!layerPath.test(entry.name)) throw new Error(`Cannot make the layer: "${entry.name}" is no path in an image.`);
    if (all.has(entry.name)) throw new Error(`Cannot make the layer: ${entry.name} stands in it twice.`);
    all.set(entry.name, entry);
  }
  for (const { name } of entries) {
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
      const above = name.slice(0, at);
      const found = all.get(above);
      if (found === undefined) all.set(above, { name: above, type: "directory", mode: 0o755 });
      else if (found.type !== "directory") {
        throw new Error(`Cannot make the layer: ${name} lies below ${above}, which is no folder.`);
      }
    }
  }
  return [...all.values()].toSorted((one, other) => compareTexts(one.name, other.name));
}

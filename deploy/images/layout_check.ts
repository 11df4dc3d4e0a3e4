/**
 * Reads an OCI image layout back, and compares every digest in it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import * as z from "zod/mini";
import { sha256Hex, utf8Text } from "../../lib/base/bytes.ts";
import { mediaTypes } from "./layout.ts";

/** The largest layer, unpacked: that of the program has about 100 MB. */
const maxLayerBytes = 1024 * 1024 * 1024;

const digest = z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/));
const descriptor = z.looseObject({ mediaType: z.string(), digest, size: z.int().check(z.gte(0)) });
const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(z.looseObject({
    ...descriptor.shape,
    platform: z.optional(z.looseObject({ architecture: z.string(), os: z.string() })),
    annotations: z.optional(z.record(z.string(), z.string())),
  })),
});
const manifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  config: descriptor,
  layers: z.array(descriptor),
});
const configSchema = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  config: z.looseObject({}),
  rootfs: z.looseObject({ type: z.literal("layers"), diff_ids: z.array(digest) }),
});
const layoutSchema = z.looseObject({ imageLayoutVersion: z.literal("1.0.0") });

/** One image of a layout. */
export interface CheckedImage {
  readonly tag: string;
  readonly architecture: string;
  /** The settings of a container, such as `User` and `Entrypoint`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The archives of the layers, unpacked from gzip. */
  readonly layers: readonly Uint8Array[];
}

/**
 * Reads the archive of a layout.
 *
 * @returns its images.
 * @throws {Error} for a blob that is missing, left over, or differs from its digest or size, and for any other content.
 */
export async function checkLayout(archive: Uint8Array): Promise<readonly CheckedImage[]> {
  const files = new Map<string, Uint8Array>();
  for (const { header: { name, type }, data } of await unpackTar(archive, { strict: true })) {
    if (type === "directory") continue;
    if (type !== "file" || data === undefined) throw new Error(`Cannot read the layout: ${name} is no file.`);
    if (files.has(name)) throw new Error(`Cannot read the layout: ${name} is in it twice.`);
    files.set(name, data);
  }
  return new LayoutReader(files).images();
}

/** The files of a layout, and those that were read. */
class LayoutReader {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #used = new Set<string>();
  readonly #layers = new Map<string, Uint8Array>();

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  images(): readonly CheckedImage[] {
    this.#parse(layoutSchema, "oci-layout", this.#file("oci-layout"));
    const top = this.#parse(indexSchema, "index.json", this.#file("index.json"));
    const images = top.manifests.flatMap((pointer) => {
      const tag = pointer.annotations?.["org.opencontainers.image.ref.name"];
      if (tag === undefined || pointer.mediaType !== mediaTypes.index) {
        throw new Error("Cannot read the layout: index.json has an entry that is no index with a tag.");
      }
      const { manifests } = this.#parse(indexSchema, pointer.digest, this.#blob(pointer));
      return manifests.map((one) => this.#image(tag, one));
    });
    const surplus = [...this.#files.keys()].find((name) => !this.#used.has(name));
    if (surplus !== undefined) throw new Error(`Cannot accept the layout: no image uses ${surplus}.`);
    return images;
  }

  #image(tag: string, pointer: z.infer<typeof indexSchema>["manifests"][number]): CheckedImage {
    const manifest = this.#parse(manifestSchema, pointer.digest, this.#blob(pointer));
    const config = this.#parse(configSchema, manifest.config.digest, this.#blob(manifest.config));
    if (config.architecture !== pointer.platform?.architecture || config.os !== pointer.platform.os) {
      throw new Error(`Cannot accept the layout: ${pointer.digest} is for another machine than its index says.`);
    }
    const { diff_ids: diffIds } = config.rootfs;
    if (manifest.layers.length !== diffIds.length) {
      throw new Error(`Cannot accept the layout: ${manifest.config.digest} has another number of layers.`);
    }
    const layers = manifest.layers.map((layer, at) => this.#layer(layer, diffIds[at] ?? ""));
    return { tag, architecture: config.architecture, settings: config.config, layers };
  }

  #layer(pointer: z.infer<typeof descriptor>, diffId: string): Uint8Array {
    const kept = this.#layers.get(`${pointer.digest} ${diffId}`);
    if (kept !== undefined) return kept;
    const blob = this.#blob(pointer);
    if (pointer.mediaType !== mediaTypes.layer) {
      throw new Error(`Cannot accept the layout: ${pointer.digest} is a ${pointer.mediaType}.`);
    }
    const unpacked = gunzipSync(blob, { maxOutputLength: maxLayerBytes });
    if (`sha256:${createHash("sha256").update(unpacked).digest("hex")}` !== diffId) {
      throw new Error(`Cannot accept the layout: ${pointer.digest} unpacks to another content than ${diffId}.`);
    }
    this.#layers.set(`${pointer.digest} ${diffId}`, unpacked);
    return unpacked;
  }

  /** A blob with the digest and the size that a pointer names. */
  #blob({ digest: name, size }: z.infer<typeof descriptor>): Uint8Array {
    const bytes = this.#file(`blobs/${name.replace(":", "/")}`);
    if (bytes.length === size && `sha256:${sha256Hex(bytes)}` === name) return bytes;
    throw new Error(`Cannot accept the layout: the blob ${name} differs from its digest or its size.`);
  }

  #file(name: string): Uint8Array {
    const bytes = this.#files.get(name);
    if (bytes === undefined) throw new Error(`Cannot accept the layout: ${name} is missing.`);
    this.#used.add(name);
    return bytes;
  }

  #parse<Schema extends z.ZodMiniType>(schema: Schema, name: string, bytes: Uint8Array): z.infer<Schema> {
    const parsed = schema.safeParse(jsonIn(bytes));
    if (parsed.success) return parsed.data;
    throw new Error(`Cannot read the layout: ${name} is not as the format has it.`);
  }
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Text(bytes) ?? "");
  } catch {
    return undefined;
  }
}

/**
 * The images of a release: one archive with an OCI image layout, made without a daemon and without a registry.
 *
 * @module
 */
import { join } from "node:path";
import { billOfMaterialsFile } from "../../lib/release/bill_of_materials.ts";
import { standInSuffix } from "../../lib/release/verify_binary.ts";
import { architectures } from "../compile/targets.ts";
import type { ReleaseBinary, ReleaseContext, ReleasePart } from "../release/part.ts";
import { readDeb } from "./deb_contents.ts";
import { debianCache, type DebianSource, fetchDebian } from "./debian_fetch.ts";
import { baseEntries, debugEntries, type NamedContents } from "./debian_layers.ts";
import { debianMirror } from "./debian_mirror.ts";
import { type DebianLayer, debianRelease, type DebianTable, packagesOf, readDebianTable } from "./debian_table.ts";
import { imageConfig, imageDocuments, imageLabels, imageProgram } from "./image_config.ts";
import { type ImageLayer, makeLayer } from "./layer.ts";
import { packLayout, type PlatformImage } from "./layout.ts";
import { checkLayout } from "./layout_check.ts";

/** The tags of the images: the second one has a shell and its tools besides. */
export function imageTags(version: string, standIn: boolean): { readonly plain: string; readonly debug: string } {
  // A plus sign, which a version can have, is not allowed in a tag.
  const plain = `${version.replaceAll("+", "_")}${standIn ? standInSuffix : ""}`;
  return { plain, debug: `${plain}-debug` };
}

/** The file of the images. */
export function imagesFile(version: string, standIn: boolean): string {
  return `trousseau-${version}-oci${standIn ? standInSuffix : ""}.tar`;
}

/** The part of a release that makes the images, with packages of a table and a source. */
export function imagesFrom(
  tableOf: (root: string) => Promise<DebianTable>,
  source: DebianSource,
): ReleasePart {
  return {
    name: "images",
    async debianPackages({ root, version, binaries }) {
      const table = await tableOf(root);
      const tags = imageTags(version, binaries.some(({ standIn }) => standIn));
      const layers = [["base", [tags.plain, tags.debug]], ["debug", [tags.debug]]] as const;
      return architectures.flatMap((architecture) =>
        layers.flatMap(([layer, images]) =>
          packagesOf(table, layer, architecture).map(({ name, version, sha256 }) => (
            { name, version, sha256, architecture, images, release: debianRelease.number }
          ))
        )
      );
    },
    async make(context, signal) {
      const { dist, root, version, sourceDate } = context;
      const table = await tableOf(root);
      const binaries = context.binaries.filter(({ artefact }) => artefact === "trousseau");
      const plain: PlatformImage[] = [];
      const debug: PlatformImage[] = [];
      for (const binary of binaries) {
        signal.throwIfAborted();
        const { architecture } = binary;
        const contents = (layer: DebianLayer) => readPackages(table, layer, architecture, source, signal);
        const layers = [
          await makeLayer(
            "Debian packages: libraries, authorities, licences",
            baseEntries(await contents("base")),
            sourceDate,
          ),
          await programLayer(binary, context),
        ];
        const tools = await makeLayer(
          "Debian package busybox-static",
          debugEntries(await contents("debug")),
          sourceDate,
        );
        plain.push(platformImage(binary, layers, context));
        debug.push(platformImage(binary, [...layers, tools], context));
      }
      const standIn = binaries.some((one) => one.standIn);
      const tags = imageTags(version, standIn);
      const annotations = imageLabels(context);
      const images = [
        { tag: tags.plain, platforms: plain, annotations },
        { tag: tags.debug, platforms: debug, annotations },
      ];
      const archive = await packLayout(images, sourceDate);
      await checkLayout(archive);
      const file = imagesFile(version, standIn);
      await Deno.writeFile(join(dist, file), archive, { signal });
      return [file];
    },
  };
}

/** The part with the packages of the committed table. */
export const images: ReleasePart = imagesFrom(readDebianTable, { folder: debianCache(), mirror: debianMirror });

async function readPackages(
  table: DebianTable,
  layer: DebianLayer,
  architecture: ReleaseBinary["architecture"],
  source: DebianSource,
  signal: AbortSignal,
): Promise<NamedContents[]> {
  const found: NamedContents[] = [];
  for (const wanted of packagesOf(table, layer, architecture)) {
    found.push({ name: wanted.name, ...await readDeb(await fetchDebian(wanted, source, signal)) });
  }
  return found;
}

/** The program, the licence and the bill of materials. */
async function programLayer({ path }: ReleaseBinary, { root, dist, sourceDate }: ReleaseContext): Promise<ImageLayer> {
  const rows = [
    [imageProgram, 0o555, join(dist, path)],
    [imageDocuments.licence, 0o644, join(root, "LICENSE")],
    [imageDocuments.billOfMaterials, 0o644, join(dist, billOfMaterialsFile)],
  ] as const;
  const entries = rows.map(async ([name, mode, from]) =>
    ({ name, type: "file", mode, body: await Deno.readFile(from) }) as const
  );
  return await makeLayer("trousseau, its licence and its bill of materials", await Promise.all(entries), sourceDate);
}

function platformImage(
  { architecture }: ReleaseBinary,
  layers: readonly ImageLayer[],
  context: ReleaseContext,
): PlatformImage {
  return { architecture, layers, config: imageConfig(layers, architecture, context) };
}

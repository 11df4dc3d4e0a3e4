/**
 * The images of a release: one archive with an OCI image layout, made without a daemon and without a registry.
 *
 * @module
 */
import { join } from "node:path";
import { billOfMaterialsFile } from "../../lib/release/bill_of_materials.ts";
import { standInSuffix } from "../../lib/release/verify_binary.ts";
import { architectures } from "../compile/targets.ts";
import type { ReleaseBinary, ReleaseContext, ReleaseDebianPackage, ReleasePart } from "../release/part.ts";
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
export type ImageTags = Readonly<Record<"plain" | "debug", string>>;

/** The tags of a version. */
export function imageTags(version: string, standIn: boolean): ImageTags {
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
    async debianPackages(context) {
      return listedPackages(await tableOf(context.root), tagsOf(context));
    },
    async make(context, signal) {
      const table = await tableOf(context.root);
      const plain: PlatformImage[] = [];
      const debug: PlatformImage[] = [];
      for (const binary of context.binaries.filter(isProgram)) {
        signal.throwIfAborted();
        const { base, program, tools } = await makeLayers(binary, table, source, context, signal);
        plain.push(platformImage(binary, [base, program], context));
        debug.push(platformImage(binary, [base, program, tools], context));
      }
      const tags = tagsOf(context);
      const annotations = imageLabels(context);
      const archive = await packLayout([
        { tag: tags.plain, platforms: plain, annotations },
        { tag: tags.debug, platforms: debug, annotations },
      ], context.sourceDate);
      await checkLayout(archive);
      const file = imagesFile(context.version, isStandIn(context));
      await Deno.writeFile(join(context.dist, file), archive, { signal });
      return [file];
    },
  };
}

function isProgram({ artefact }: ReleaseBinary): boolean {
  return artefact === "trousseau";
}

function isStandIn({ binaries }: ReleaseContext): boolean {
  return binaries.some((one) => isProgram(one) && one.standIn);
}

function tagsOf(context: ReleaseContext): ImageTags {
  return imageTags(context.version, isStandIn(context));
}

/** Each package with the images that have it. */
function listedPackages(table: DebianTable, { plain, debug }: ImageTags): ReleaseDebianPackage[] {
  const layers = [["base", [plain, debug]], ["debug", [debug]]] as const;
  return architectures.flatMap((architecture) =>
    layers.flatMap(([layer, images]) =>
      packagesOf(table, layer, architecture).map(({ name, version, sha256 }) => (
        { name, version, sha256, architecture, images, release: debianRelease.number }
      ))
    )
  );
}

/** The layers for one machine. */
async function makeLayers(
  binary: ReleaseBinary,
  table: DebianTable,
  source: DebianSource,
  context: ReleaseContext,
  signal: AbortSignal,
): Promise<Readonly<Record<"base" | "program" | "tools", ImageLayer>>> {
  const contents = (layer: DebianLayer) => readPackages(table, layer, binary.architecture, source, signal);
  const { sourceDate } = context;
  const [base, tools] = [baseEntries(await contents("base")), debugEntries(await contents("debug"))];
  return {
    base: await makeLayer("Debian packages: libraries, authorities, licences", base, sourceDate),
    program: await programLayer(binary, context),
    tools: await makeLayer("Debian package busybox-static", tools, sourceDate),
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

/**
 * The chart and the manifests of a release, as archives: the same bytes from the same sources.
 *
 * @module
 */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { listFiles } from "../../lib/release/release_files.ts";
import { trackedFiles } from "../compile/source.ts";
import type { ReleaseContext, ReleasePart } from "../release/part.ts";

/** The folders of `deploy/` with manifests and settings, which the pages of `docs/deploy/` name. */
const manifestFolders = [
  "cluster-api",
  "hosted",
  "k3s",
  "kops",
  "kubeadm",
  "kubernetes",
  "kubespray",
  "kustomize",
  "opentofu",
  "policies",
  "rke2",
  "systemd",
] as const;

/** The part of the release: `trousseau-chart-VERSION.tgz` and `trousseau-manifests-VERSION.tar.gz`. */
export const charts: ReleasePart = {
  name: "charts",
  async make(context, signal) {
    const { root, dist, version } = context;
    await requireVersion(context);
    const chart = `trousseau-chart-${version}.tgz`;
    const manifests = `trousseau-manifests-${version}.tar.gz`;
    // Helm wants the chart's own name as the first folder.
    const source = { root, tracked: await trackedFiles(root) };
    const chartFiles = await filesBelow(source, "deploy/helm/trousseau", "trousseau");
    const folders = manifestFolders.map((name) => filesBelow(source, `deploy/${name}`, `deploy/${name}`));
    const archives = [[chart, chartFiles], [manifests, (await Promise.all(folders)).flat()]] as const;
    for (const [name, files] of archives) {
      signal.throwIfAborted();
      await Deno.writeFile(join(dist, name), await archiveOf(files, context.sourceDate), { signal });
    }
    return [chart, manifests];
  },
};

/** @throws if the chart is of another version, since its image would be too. */
async function requireVersion({ root, version }: ReleaseContext): Promise<void> {
  const text = await Deno.readTextFile(join(root, "deploy/helm/trousseau/Chart.yaml"));
  for (const field of ["version", "appVersion"]) {
    const found = new RegExp(`^${field}: (.+)$`, "m").exec(text)?.[1];
    if (found !== version) {
      throw new Error(`Cannot make the chart of ${version}: in deploy/helm/trousseau/Chart.yaml ${field} is ${found}.`);
    }
  }
}

/** A checkout. */
interface ArchivedSource {
  readonly root: string;
  /** The files that git has; `undefined` where it does not tell them. */
  readonly tracked: ReadonlySet<string> | undefined;
}

interface ArchivedFile {
  /** In the archive. */
  readonly name: string;
  readonly path: string;
}

/**
 * Every file of the source below a folder but tests, sorted.
 *
 * @param name of the folder in the archive.
 * @throws {Error} where git does not tell the files of the source, and one has the name of a local file.
 */
async function filesBelow(
  { root, tracked }: ArchivedSource,
  folder: string,
  name: string,
): Promise<readonly ArchivedFile[]> {
  const paths = await pathsBelow(root, folder);
  const local = tracked === undefined ? paths.find((path) => localName.test(path)) : undefined;
  if (local !== undefined) {
    throw new Error(
      `Cannot make the archives: ${local} may be a local file. Remove it, or make the release in a clone.`,
    );
  }
  return paths
    .filter((path) => !path.endsWith(".ts") && (tracked?.has(path) ?? true))
    .map((path) => ({ name: `${name}${path.slice(folder.length)}`, path: join(root, path) }));
}

/** Hidden files, states and plans of OpenTofu with their values, and what editors leave. */
const localName = /\/\.|\.tfstate|\.tfvars|\.tfplan|~$|\.(bak|orig|swp)$/;

/** Every file below a folder, relative to `root`, sorted. */
async function pathsBelow(root: string, folder: string): Promise<readonly string[]> {
  const found = await listFiles(join(root, folder));
  return found.filter(({ isFile }) => isFile).map(({ file }) => `${folder}/${file}`);
}

async function archiveOf(files: readonly ArchivedFile[], sourceDate: number): Promise<Uint8Array<ArrayBuffer>> {
  const entries = await Promise.all(files.map(async ({ name, path }) => {
    const body = await Deno.readFile(path);
    const mtime = new Date(sourceDate * 1000);
    const header = { type: "file", mode: name.endsWith(".sh") ? 0o755 : 0o644, uid: 0, gid: 0, mtime } as const;
    return { header: { ...header, name, size: body.length }, body };
  }));
  // Without a time of its own in the header of gzip.
  return new Uint8Array(gzipSync(await packTar(entries), { level: 9 }));
}

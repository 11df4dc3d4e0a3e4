/**
 * The packages of a release: `trousseau` and `clectl` as deb and as rpm, for both architectures.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { inTemporaryFolder } from "../compile/temporary.ts";
import type { ReleaseBinary, ReleaseContext, ReleasePart } from "../release/part.ts";
import { writePackage } from "./nfpm.ts";
import { layOut, maintainer } from "./package_contents.ts";
import { packageFiles, type PackageFormat, packageFormats, type PackageName } from "./package_files.ts";
import { manualsOf, packagedPrograms } from "./program_manuals.ts";
import { maintainerScript, type ScriptName } from "./scripts.ts";

/** The differences between the two packages. */
interface PackageRow {
  /** The first line is the synopsis. */
  readonly description: string;
  readonly depends: Readonly<Record<PackageFormat, readonly string[]>>;
  readonly scripts: Readonly<Record<PackageFormat, Readonly<Record<string, ScriptName>>>>;
}

// The libraries that tests/compile finds in the binaries.
const libraries = {
  deb: ["libc6 (>= 2.27)", "libgcc-s1 | libgcc1"],
  rpm: ["libc.so.6(GLIBC_2.27)(64bit)", "libgcc_s.so.1()(64bit)"],
} as const;

const rows = {
  trousseau: {
    description: "KMS plugin for Kubernetes, key service for SOPS, and keyring\n" +
      "Encrypts what a Kubernetes API server stores with keys that never leave a\n" +
      "key management service: Vault, OpenBao, AWS, Azure, Google Cloud, or another\n" +
      "plugin. Nothing is started by the installation.",
    depends: { deb: [...libraries.deb, "systemd"], rpm: [...libraries.rpm, "systemd"] },
    scripts: {
      deb: { postinstall: "deb_postinst", preremove: "deb_prerm", postremove: "deb_postrm" },
      rpm: { postinstall: "rpm_post", preremove: "rpm_preun", postremove: "rpm_postun" },
    },
  },
  clectl: {
    description: "client of the keyring of Trousseau\n" +
      "Reads and writes secrets of a keyring server, for people, scripts and services.",
    depends: libraries,
    scripts: { deb: {}, rpm: {} },
  },
} as const satisfies Record<PackageName, PackageRow>;

/** How each format names an architecture in the name of a file. */
const architectures = {
  deb: { amd64: "amd64", arm64: "arm64" },
  rpm: { amd64: "x86_64", arm64: "aarch64" },
} as const;

/**
 * The file of a package.
 *
 * A pre-release has a hyphen here and a `~` in the version inside, since GitHub changes a `~` in the name of a file, and
 * the list of sums would then name a file that is not there. A binary that stands in for the real one makes its package
 * a version of its own, with `+standin` behind it.
 */
export function packageFile(format: PackageFormat, version: string, binary: Omit<ReleaseBinary, "path">): string {
  const { artefact, architecture, standIn } = binary;
  const full = `${version}${standIn ? "+standin" : ""}`;
  const machine = architectures[format][architecture];
  return format === "deb" ? `${artefact}_${full}_${machine}.deb` : `${artefact}-${full}-1.${machine}.rpm`;
}

/** The part of a release that makes the packages. */
export const packages: ReleasePart = {
  name: "packages",
  async make(context, signal) {
    const files: string[] = [];
    for (const binary of context.binaries) {
      for (const format of packageFormats) files.push(await makePackage(format, binary, context, signal));
    }
    return files;
  },
};

async function makePackage(
  format: PackageFormat,
  binary: ReleaseBinary,
  { root, dist, version, sourceDate }: ReleaseContext,
  signal: AbortSignal,
): Promise<string> {
  const { artefact: name, architecture, standIn } = binary;
  const { description, depends, scripts } = rows[name];
  const target = packageFile(format, version, binary);
  await inTemporaryFolder({ prefix: "trousseau-package-" }, async (folder) => {
    const edition = { version, sourceDate };
    const manuals = await manualsOf(name, edition);
    const files = packageFiles(name, format, manuals.keys());
    const sources = { root, binary: resolve(dist, binary.path), manuals, program: packagedPrograms[name], edition };
    const settings = {
      ...common,
      name,
      arch: architecture,
      version,
      ...(standIn ? { version_metadata: "standin" } : {}),
      description,
      depends: depends[format],
      contents: await layOut(folder, files, sources),
      scripts: await writeScripts(folder, scripts[format]),
      mtime: new Date(sourceDate * 1000).toISOString(),
    };
    await writePackage(join(dist, target), format, settings, sourceDate, signal);
  });
  return target;
}

async function writeScripts(folder: string, scripts: Readonly<Record<string, ScriptName>>) {
  const paths: Record<string, string> = {};
  for (const [moment, name] of Object.entries(scripts)) {
    paths[moment] = join(folder, `${name}.sh`);
    await Deno.writeTextFile(paths[moment], await maintainerScript(name));
  }
  return paths;
}

const common = {
  platform: "linux",
  section: "admin",
  priority: "optional",
  maintainer,
  vendor: "Trousseau",
  license: "Apache-2.0",
  umask: 0o022,
  disable_globbing: true,
  // The name of the machine that builds would be in the package.
  rpm: { buildhost: "localhost", group: "Applications/System" },
  // xz makes a package an eighth smaller, and takes a minute for each.
  deb: { compression: "gzip" },
} as const;

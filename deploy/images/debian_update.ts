/**
 * Asks Debian's signed lists for the newest versions of the packages. This needs apt and Debian's keys.
 *
 * @module
 */
import { join } from "node:path";
import { compileEnvironment } from "../compile/environment.ts";
import { architectures } from "../compile/targets.ts";
import { inTemporaryFolder } from "../compile/temporary.ts";
import { type DebianFile, debianPackages, debianRelease, type DebianTable } from "./debian_table.ts";

/** The file of the package `debian-archive-keyring`. */
const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The parts of a mirror with their suites: the release, its point updates, and its security updates. */
const sources = [
  { archive: "debian", suite: debianRelease.suite },
  { archive: "debian", suite: `${debianRelease.suite}-updates` },
  { archive: "debian-security", suite: `${debianRelease.suite}-security` },
] as const;

/**
 * The table with the newest versions.
 *
 * @param mirror as `debianMirror()` gives it.
 * @throws {Error} without apt, Debian's keys or the mirror, for a signature that does not hold, and for a package that
 * the release does not have.
 */
export async function newestPackages(mirror: string, signal: AbortSignal): Promise<DebianTable> {
  return await inTemporaryFolder({ prefix: "trousseau-apt-" }, async (folder) => {
    await writeSettings(folder, mirror);
    await apt(folder, "apt-get", ["--quiet=2", "--error-on=any", "update"], signal);
    const rows: [string, DebianTable[string]][] = [];
    for (const name of Object.values(debianPackages).flat()) {
      const [amd64, arm64] = [await newest(folder, name, "amd64", signal), await newest(folder, name, "arm64", signal)];
      rows.push([name, { amd64, arm64 }]);
    }
    return Object.fromEntries(rows);
  });
}

/** The settings of an apt that knows nothing of this machine's. */
async function writeSettings(folder: string, mirror: string): Promise<void> {
  for (const name of ["lists/partial", "cache/archives/partial", "state"]) {
    await Deno.mkdir(join(folder, name), { recursive: true });
  }
  const lines = sources.map(({ archive, suite }) => `deb [signed-by=${keys}] ${mirror}/${archive} ${suite} main\n`);
  await Deno.writeTextFile(join(folder, "sources.list"), lines.join(""));
  const none = ["SourceParts", "Preferences", "PreferencesParts", "Parts"].map((name) =>
    `Dir::Etc::${name} "/dev/null";`
  );
  const settings = [
    `Dir::Etc::SourceList "${folder}/sources.list";`,
    ...none,
    `Dir::State "${folder}/state";`,
    `Dir::State::Lists "${folder}/lists";`,
    `Dir::State::Status "/dev/null";`,
    `Dir::Cache "${folder}/cache";`,
    `APT::Architectures { ${architectures.map((one) => `"${one}";`).join(" ")} };`,
    `Acquire::Languages "none";`,
    // As root, apt would fetch as a user who may not read this folder.
    `APT::Sandbox::User "root";`,
  ];
  await Deno.writeTextFile(join(folder, "apt.conf"), `${settings.join("\n")}\n`);
}

async function newest(folder: string, name: string, architecture: string, signal: AbortSignal): Promise<DebianFile> {
  const show = (wanted: string) => apt(folder, "apt-cache", ["--no-all-versions", "show", wanted], signal);
  const own = await show(`${name}:${architecture}`);
  // A package for every machine is listed without a machine.
  const shown = own.trim() === "" ? await show(name) : own;
  const field = (key: string) => new RegExp(`^${key}: (.+)$`, "m").exec(shown)?.[1] ?? "";
  if (field("Package") !== name || ![architecture, "all"].includes(field("Architecture"))) {
    throw new Error(`Cannot find ${name} for ${architecture} in Debian ${debianRelease.suite}.`);
  }
  const path = field("Filename");
  return {
    version: field("Version"),
    // Debian keeps security updates in a folder of their own.
    archive: path.startsWith("pool/updates/") ? "debian-security" : "debian",
    path,
    size: Number(field("Size")),
    sha256: field("SHA256"),
  };
}

async function apt(folder: string, program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const command = new Deno.Command(program, {
    args: [...args],
    clearEnv: true,
    env: compileEnvironment({ APT_CONFIG: join(folder, "apt.conf"), LC_ALL: "C.UTF-8" }),
    signal,
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output().catch((thrown: unknown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new Error(
      `Cannot ask for newer packages: ${program} is missing. Do this on a machine with Debian or Ubuntu.`,
    );
  });
  if (success) return new TextDecoder().decode(stdout);
  const [first = "it failed"] = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Error(`Cannot ask for newer packages: ${program} says "${first}".`);
}

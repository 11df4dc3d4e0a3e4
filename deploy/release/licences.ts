/**
 * Writes the table of licences from the packages in Deno's cache.
 *
 * `deno task licences`, after the locks have changed. A test compares the table with the locks, offline.
 *
 * @module
 */
import { join } from "node:path";
import { deno, repository } from "../compile/stage.ts";
import { licenceProblems, licenceTable, lockedPackages, packageId, programLocks } from "./locked_packages.ts";

/** The licence in the manifest of a package; `undefined` if it has none there. */
export function licenceOf(manifest: unknown): string | undefined {
  if (typeof manifest !== "object" || manifest === null || !("license" in manifest)) return undefined;
  const { license } = manifest;
  if (typeof license === "string") return license;
  // An old form: an object with the type.
  return typeof license === "object" && license !== null && "type" in license && typeof license.type === "string"
    ? license.type
    : undefined;
}

async function collectLicences(root: string): Promise<Record<string, string>> {
  for (const lock of programLocks) {
    await deno(["install", "--quiet", "--frozen", "--config", join(root, lock.replace(/lock$/, "json"))], root);
  }
  const { npmCache }: { npmCache: string } = JSON.parse(await deno(["info", "--json"], root));
  const registries = await Array.fromAsync(Deno.readDir(npmCache), ({ name }) => join(npmCache, name));
  const found: Record<string, string> = {};
  for (const { name, version } of await lockedPackages(root)) {
    for (const registry of registries) {
      const text = await Deno.readTextFile(join(registry, name, version, "package.json")).catch(() => undefined);
      const licence = text === undefined ? undefined : licenceOf(JSON.parse(text));
      if (licence !== undefined) found[packageId({ name, version })] = licence;
    }
  }
  return found;
}

if (import.meta.main) {
  const licences = await collectLicences(repository);
  await Deno.writeTextFile(join(repository, licenceTable), `${JSON.stringify(licences, null, 2)}\n`);
  for (const problem of licenceProblems(await lockedPackages(repository), licences)) {
    await Deno.stderr.write(new TextEncoder().encode(`${problem}\n`));
    Deno.exitCode = 1;
  }
}

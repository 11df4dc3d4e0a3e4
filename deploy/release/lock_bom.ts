/**
 * Prints the bill of materials of the locks, for a scanner of vulnerabilities: without binaries.
 *
 * `deno task sbom`
 *
 * @module
 */
import { version } from "../../lib/base/version.ts";
import { sourceOf } from "../compile/source.ts";
import { repository } from "../compile/stage.ts";
import { lockedPackages, readLicences } from "./locked_packages.ts";
import { makeBillOfMaterials } from "./make_bom.ts";

if (import.meta.main) {
  const source = await sourceOf(repository);
  const [packages, licences] = [await lockedPackages(repository), await readLicences(repository)];
  const common = { version, commit: source?.commit ?? "unknown", sourceDate: source?.time ?? 0 };
  const bom = makeBillOfMaterials({ ...common, binaries: [], packages, licences, debian: [] });
  // A scanner leaves out what is not shipped, and without binaries nothing is known to be shipped.
  const components = bom.components.map(({ scope: _, ...component }) => component);
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify({ ...bom, components }, null, 2)}\n`));
}

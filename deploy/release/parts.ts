/**
 * The list of the parts of a release.
 *
 * @module
 */
import { charts } from "../helm/charts.ts";
import { packages } from "../packages/packages.ts";
import { manuals } from "../packages/program_manuals.ts";
import type { ReleasePart } from "./part.ts";
import { completionScripts, jsonSchema } from "./texts.ts";

/** All parts, in the order in which they are made. The binaries are there before, and the bill of materials follows. */
export const releaseParts: readonly ReleasePart[] = [manuals, completionScripts, jsonSchema, packages, charts];

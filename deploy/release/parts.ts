/**
 * The list of the parts of a release.
 *
 * @module
 */
import { charts } from "../helm/charts.ts";
import { packages } from "../packages/packages.ts";
import { images } from "../images/images.ts";
import { manuals } from "../packages/program_manuals.ts";
import type { ReleasePart } from "./part.ts";
import { completionScripts, jsonSchema } from "./texts.ts";

/** All parts, in the order in which they are made. The binaries and the bill of materials are there before. */
export const releaseParts: readonly ReleasePart[] = [manuals, completionScripts, jsonSchema, packages, charts, images];

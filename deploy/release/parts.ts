/**
 * The list of the parts of a release.
 *
 * @module
 */
import type { ReleasePart } from "./part.ts";
import { completionScripts, jsonSchema } from "./texts.ts";

/** All parts, in the order in which they are made. The binaries are there before, and the bill of materials follows. */
export const releaseParts: readonly ReleasePart[] = [completionScripts, jsonSchema];

/**
 * The parts of the package `yaml` that a command loads on demand.
 *
 * A bundle has no names on a CommonJS package that is imported dynamically, and has them on this module.
 *
 * @module
 */
export { Document, parseDocument, Scalar, visit } from "yaml";

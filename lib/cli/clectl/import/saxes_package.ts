/**
 * The parser of the package `saxes`, which an import of XML loads on demand.
 *
 * A bundle has no names on a CommonJS package that is imported dynamically, and has them on this module.
 *
 * @module
 */
export { SaxesParser } from "saxes";

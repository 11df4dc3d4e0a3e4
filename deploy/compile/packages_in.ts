/**
 * The packages in a bundle, by the names of their files.
 *
 * @module
 */

// The bundler puts a comment with the path before each module, and names a CommonJS module by it. Deno's cache adds
// `_1` to the version of a package that it keeps twice.
const label = /^(?:\/\/ |\s*")npm\/((?:@[^/\s"]+\/)?[^/\s"]+)\/(\d[^/\s"_]*)(?:_\d+)?\//gm;

/** The packages as `name@version`, sorted. @param texts modules after `withoutCachePaths()`. */
export function packagesIn(texts: readonly string[]): string[] {
  const found = texts.flatMap((text) => [...text.matchAll(label)].map(([, name, version]) => `${name}@${version}`));
  return [...new Set(found)].toSorted();
}

/** The line that names the packages at the end of the first module. */
export function packagesLine(packages: readonly string[]): string {
  return `\n/* packages: ${packages.join(" ")} */\n`;
}

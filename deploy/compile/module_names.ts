/**
 * Names the modules of a bundle by their content.
 *
 * The bundler's names end in a hash of a text that contains paths of the machine, so they differ between two checkouts.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** The name of the first module of each bundle. */
export const firstModule = "main.js";

// The bundler names a module after its source, `chunk` if it has several, and adds a hash in Base32.
const hashed = /-[0-9A-Z]{8}(?=\.js$)/;

/**
 * The new name of each file: that of the bundler with another hash, of the text without the bundler's hashes.
 *
 * @param texts the modules by the bundler's names.
 * @param entry the bundler's name of the first module.
 * @throws {Error} if there is no such module, or if two modules would get one name.
 */
export function moduleNames(texts: ReadonlyMap<string, string>, entry: string): Map<string, string> {
  if (!texts.has(entry)) throw new Error(`Cannot stage the bundle: it has no module ${entry}.`);
  const plain = new Map([...texts.keys()].map((name) => [name, name.replace(hashed, "")]));
  const names = new Map<string, string>([[entry, firstModule]]);
  for (const [name, text] of texts) {
    if (name === entry) continue;
    const digest = createHash("sha256").update(renamed(text, plain)).digest("hex").slice(0, 12);
    names.set(name, (plain.get(name) ?? "").replace(/\.js$/, `-${digest}.js`));
  }
  if (new Set(names.values()).size < names.size) throw new Error("Cannot stage the bundle: two modules are equal.");
  return names;
}

/**
 * The text of a module with new names in its imports.
 *
 * @throws {Error} if it imports a module that has no new name.
 */
export function renamed(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(/(\bfrom |\bimport |\bimport\()"\.\/([^"\n]+\.js)"/g, (_, before: string, name: string) => {
    const now = names.get(name);
    if (now === undefined) throw new Error(`Cannot stage the bundle: it has no module ${name}.`);
    return `${before}"./${now}"`;
  });
}

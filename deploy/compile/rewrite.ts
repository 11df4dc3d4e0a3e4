/**
 * Rewrites the modules of a bundle for engines that are older than Deno's own.
 *
 * `deno run --config deno.dev.json deploy/compile/rewrite.ts FROM TO`, two folders, as staging starts it.
 *
 * @module
 */
import { join } from "node:path";
import { stop, transform } from "esbuild";

/** The symbols of Explicit Resource Management, for an engine that has none; those of an engine that has them stay. */
const prelude = `for (const name of ["dispose", "asyncDispose"]) {
  if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol.for("Symbol." + name) });
}`;

/**
 * How each module is written, in options of esbuild.
 *
 * Syntax younger than ES2022, such as `using`, is rewritten: a `denort` can contain another engine than V8. A file that
 * this engine cannot parse would first fail on a control plane node.
 */
const written = {
  target: "es2022",
  format: "esm",
  banner: prelude,
  // In ASCII V8 keeps the source in one byte a character instead of two, and it keeps all of it for as long as it runs:
  // white space and comments are memory and time to start. Names stay, so that a stack trace can be read.
  charset: "ascii",
  minifyWhitespace: true,
  minifySyntax: true,
  // A stack trace then names a line that can be looked up.
  lineLimit: 400,
  // Licences require that their text is kept.
  legalComments: "eof",
} as const;

if (import.meta.main) {
  const [from = "", to = ""] = Deno.args;
  try {
    for await (const { name } of Deno.readDir(from)) {
      const { code } = await transform(await Deno.readTextFile(join(from, name)), written);
      await Deno.writeTextFile(join(to, name), code);
    }
  } finally {
    await stop();
  }
}

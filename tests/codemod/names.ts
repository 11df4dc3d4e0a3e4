/**
 * Renames exported names, members and local names by a table, with TypeScript's language service: what merely has the
 * same spelling elsewhere stays.
 *
 *     deno task rename tests/codemod/names.json
 *
 * A row is `["lib/base/deadline.ts", "coarse", "coalescedTimers"]`; a member is written `Class.member`, a local name
 * `function.local`. A name in backquotes or in `{@linkcode …}` is renamed in comments of the files that the row reaches.
 * A row whose name is gone is skipped, so that the table can be applied again to a branch that was made before it.
 *
 * @module
 */
import ts from "typescript";

type Row = readonly [file: string, name: string, to: string];

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  allowImportingTsExtensions: true,
  noEmit: true,
  strict: true,
  lib: ["lib.esnext.d.ts", "lib.dom.d.ts"],
};

async function tracked(): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", { args: ["ls-files", "*.ts"] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").filter((file) => !file.startsWith("tests/codemod/"));
}

/** The place of the declared name, in UTF-16 code units. */
function placeOf(source: ts.SourceFile, path: readonly string[]): number | undefined {
  let found: number | undefined;
  const visit = (node: ts.Node, left: readonly string[]): void => {
    if (found !== undefined) return;
    const { name } = node as ts.Node & { name?: ts.Node };
    const declares = name !== undefined && !ts.isImportSpecifier(node) && !ts.isExportSpecifier(node) &&
      (ts.isIdentifier(name) || ts.isPrivateIdentifier(name) || ts.isStringLiteral(name));
    if (declares && name.getText(source) === left[0]) {
      if (left.length === 1) {
        found = name.getStart(source);
        return;
      }
      ts.forEachChild(node, (child) => visit(child, left.slice(1)));
      return;
    }
    ts.forEachChild(node, (child) => visit(child, left));
  };
  visit(source, path);
  return found;
}

/** Applies the table in the working tree of the current folder. */
export async function rename(table: readonly Row[], tell: (line: string) => void): Promise<number> {
  const names = await tracked();
  const root = `${Deno.cwd()}/`;
  const texts = new Map<string, { text: string; version: number }>();
  for (const name of names) texts.set(root + name, { text: await Deno.readTextFile(name), version: 0 });
  const host: ts.LanguageServiceHost = {
    getCompilationSettings: () => options,
    getScriptFileNames: () => [...texts.keys()],
    getScriptVersion: (file) => String(texts.get(file)?.version ?? 0),
    getScriptSnapshot: (file) => {
      const text = texts.get(file)?.text ?? ts.sys.readFile(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
    fileExists: (file) => texts.has(file) || ts.sys.fileExists(file),
    readFile: (file) => texts.get(file)?.text ?? ts.sys.readFile(file),
  };
  const service = ts.createLanguageService(host);
  let count = 0;
  for (const [file, name, to] of table) {
    const source = service.getProgram()?.getSourceFile(root + file);
    const at = source && placeOf(source, name.split("."));
    const old = name.slice(name.lastIndexOf(".") + 1);
    const places = at === undefined
      ? undefined
      : service.findRenameLocations(root + file, at, false, false, { providePrefixAndSuffixTextForRename: true });
    if (places === undefined) {
      tell(`${file}: no ${name}`);
      continue;
    }
    count++;
    const byFile = Map.groupBy(places, ({ fileName }) => fileName);
    for (const [fileName, found] of byFile) {
      const entry = texts.get(fileName);
      if (entry === undefined) continue;
      let { text } = entry;
      for (
        const { textSpan, prefixText = "", suffixText = "" } of found.toSorted((a, b) =>
          b.textSpan.start - a.textSpan.start
        )
      ) {
        // A private name has its # inside the span.
        const written = text[textSpan.start] === "#" && !to.startsWith("#") ? `#${to}` : to;
        text = text.slice(0, textSpan.start) + prefixText + written + suffixText +
          text.slice(textSpan.start + textSpan.length);
      }
      const quoted = new RegExp(`(\`|\\{@linkcode (?:[\\w#]+\\.)?)${old.replace("#", "\\#")}\\b(?=[\`}.(])`, "g");
      text = text.replace(quoted, `$1${to}`);
      texts.set(fileName, { text, version: entry.version + 1 });
    }
  }
  for (const [file, { text, version }] of texts) if (version > 0) await Deno.writeTextFile(file, text);
  return count;
}

if (import.meta.main) {
  const [file] = Deno.args;
  if (file === undefined) throw new Error("Name a table: deno task rename tests/codemod/names.json");
  const table = JSON.parse(await Deno.readTextFile(file)) as readonly Row[];
  const tell = (line: string) => Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  const count = await rename(table, tell);
  tell(`${count} of ${table.length} names renamed`);
}

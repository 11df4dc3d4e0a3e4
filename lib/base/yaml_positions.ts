/**
 * Parses YAML into a plain value, with the position of each field in the file.
 *
 * @module
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { ErrorCode } from "yaml";

/** Path from the root to a field: keys of mappings and indices of lists. */
export type FieldPath = readonly (string | number)[];

/** Line and column, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A syntax error of the YAML. */
export interface YamlProblem {
  readonly position: Position;
  readonly text: string;
}

/** A parsed file; with problems, the part that could be parsed. */
export interface YamlFile {
  /** Mappings are objects; `null` for an empty file; `undefined` if the file is not YAML. */
  readonly value: unknown;
  readonly problems: readonly YamlProblem[];
  /**
   * Position of a field: that of its key, or of the beginning of its list item; for a missing field, that of its
   * parent.
   */
  position(path: FieldPath): Position;
}

/** Maximum number of uses of anchors in one file; nested uses multiply. */
const maxAliases = 64;

/** Maximum number of aliases of all anchors. */
const maxAliasNodes = 1_000;

/**
 * This program's messages for errors of the parser. The parser's own messages are not used, because some repeat the
 * text, which can contain a password.
 */
const complaints = {
  ALIAS_PROPS: "an alias (*) takes no anchor or tag",
  BAD_ALIAS: "this is no valid alias; put a value that begins with * or & into quotes",
  BAD_COLLECTION_TYPE: "this tag does not fit a list or a mapping",
  BAD_DIRECTIVE: "this directive (%) is not known",
  BAD_DQ_ESCAPE: "this \\ sequence is not known; use single quotes for text with backslashes",
  BAD_INDENT: "the indentation does not fit the lines above",
  BAD_PROP_ORDER: "anchor and tag stand at the wrong place",
  BAD_SCALAR_START: "a value cannot begin with this character; put it into quotes",
  BLOCK_AS_IMPLICIT_KEY: "a mapping cannot begin here; is a line break or a quote missing?",
  BLOCK_IN_FLOW: "a block cannot stand inside { } or [ ]",
  DUPLICATE_KEY: "this key stands in the same mapping twice",
  IMPOSSIBLE: "this is no valid YAML",
  KEY_OVER_1024_CHARS: "this key is too long",
  MISSING_CHAR: "a character is missing here, such as a quote, a bracket, a comma, or a space after a colon",
  MULTILINE_IMPLICIT_KEY: "a key must stand on one line; is a colon or a quote missing?",
  MULTIPLE_ANCHORS: "a value takes one anchor",
  MULTIPLE_DOCS: "a second document begins here; the file is one document",
  MULTIPLE_TAGS: "a value takes one tag",
  NON_STRING_KEY: "a key must be a text",
  RESOURCE_EXHAUSTION: "this is nested too deeply",
  TAB_AS_INDENT: "lines are indented with spaces, not with tabs",
  TAG_RESOLVE_FAILED: "this tag (!) is not known",
  UNEXPECTED_TOKEN: "this is not expected here; is a quote or a bracket missing?",
} as const satisfies Record<ErrorCode, string>;

/** Parses one YAML 1.2 document. It never throws. */
export function readYaml(text: string): YamlFile {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      version: "1.2",
      schema: "core",
      stringKeys: true,
      prettyErrors: false,
      // The parser's own check compares each key with all others of its mapping.
      uniqueKeys: false,
    });
    const found = [...document.errors, ...document.warnings];
    const problems = [
      ...found.map(({ code, pos }) => ({ position: positionAt(pos[0]), text: complaints[code] })),
      ...repeatedKeys(document).map((offset) => ({ position: positionAt(offset), text: complaints.DUPLICATE_KEY })),
    ];
    const usable = found.length === 0;
    const dangling = danglingAliases(document).map((offset) => ({
      position: positionAt(offset),
      text: "no anchor (&) of this name stands above; put a value that begins with * into quotes",
    }));
    return {
      value: usable && dangling.length === 0 ? document.toJS({ maxAliasCount: maxAliases }) : undefined,
      problems: [...problems, ...dangling],
      position: (path) => positionAt(offsetOf(document, path)),
    };
  } catch (thrown) {
    const position = { line: 1, column: 1 };
    return { value: undefined, problems: [{ position, text: whyNoYaml(thrown) }], position: () => position };
  }
}

/**
 * The reason why the parser failed: nesting deeper than the stack, or aliases that multiply. Any other error is a bug;
 * only its name is reported, because its message can repeat the text.
 */
export function whyNoYaml(thrown: unknown): string {
  if (thrown instanceof RangeError) return "this YAML is too deeply nested";
  if (thrown instanceof ReferenceError) return `this YAML uses its anchors more than ${maxAliases} times`;
  const name = thrown instanceof Error ? thrown.name : typeof thrown;
  return `this YAML cannot be read (the parser failed with ${name}); please report it with a file that shows it`;
}

/** The offsets of keys that stand in their mapping a second time. */
function repeatedKeys(document: Document): number[] {
  const offsets: number[] = [];
  visit(document, {
    Map(_key, node) {
      const keys = new Set<unknown>();
      for (const { key } of node.items) {
        const value = isScalar(key) ? key.value : key;
        if (keys.has(value)) offsets.push(startOf(key) ?? 0);
        keys.add(value);
      }
    },
  });
  return offsets;
}

function danglingAliases(document: Document): number[] {
  const offsets: number[] = [];
  let count = 0;
  visit(document, {
    Alias(_key, node) {
      // Each search for an anchor walks through the whole document.
      if (++count > maxAliasNodes) throw new ReferenceError();
      if (node.resolve(document) === undefined) offsets.push(node.range?.[0] ?? 0);
    },
  });
  return offsets;
}

function offsetOf(document: Document, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.findLast(({ key }) => isScalar(key) && key.value === segment);
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof segment === "number") {
      node = node.items[segment];
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
}

/**
 * The lists in the manifest of kube-apiserver's static pod that an edit changes. Whole lines are added and taken away, so
 * that every other byte of the file stays as it is.
 *
 * @module
 */
import { isMap, isNode, isScalar, isSeq, parseDocument, type YAMLMap } from "yaml";

/** A list in block style, whose items begin with `- ` on lines of their own. */
export interface ManifestList {
  /** Spaces before each dash. */
  readonly indent: string;
  readonly items: readonly ManifestItem[];
}

/** An item of a list. */
export interface ManifestItem {
  /** Its parsed value. */
  readonly value: unknown;
  /** Offset of its first line. */
  readonly start: number;
  /** Offset behind its last line. */
  readonly end: number;
}

/** The lists of a manifest. */
export interface ManifestLists {
  /** The list of the container with its flags. */
  readonly flags: ManifestList;
  readonly flagsField: "args" | "command";
  readonly mounts: ManifestList;
  readonly volumes: ManifestList;
}

/** A change of a text: `insert` takes the place of the bytes between both offsets. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly insert: string;
}

/**
 * Finds the lists.
 *
 * @param text of a manifest without problems of YAML, anchors or aliases.
 * @returns the end of a sentence about the manifest if it has another form.
 */
export function manifestLists(text: string): ManifestLists | string {
  const root = parseDocument(text, { version: "1.2", schema: "core", stringKeys: true, uniqueKeys: false }).contents;
  const spec = memberOf(root, "spec");
  const containers = memberOf(spec, "containers");
  const servers = isSeq(containers) ? containers.items.filter(isNamedApiServer) : [];
  const [container, ...more] = servers;
  if (container === undefined || more.length > 0) return "it does not have exactly one container named kube-apiserver";
  const flagsField = hasFlags(memberOf(container, "args")) ? "args" : "command";
  const words = memberOf(container, flagsField);
  const flags = hasFlags(words) ? blockList(text, words) : undefined;
  const mounts = blockList(text, memberOf(container, "volumeMounts"));
  const volumes = blockList(text, memberOf(spec, "volumes"));
  if (flags === undefined) return "the flags of kube-apiserver are not a list with one flag a line";
  if (mounts === undefined) return "volumeMounts of the container is not a list with one item a line";
  if (volumes === undefined) return "volumes of the pod is not a list with one item a line";
  return { flags, flagsField, mounts, volumes };
}

/**
 * The edit that adds an item behind the last one of a list.
 *
 * @param lines of the item, without the dash and the indentation.
 */
export function appendItem(text: string, { indent, items }: ManifestList, lines: readonly string[]): TextEdit {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const end = items.at(-1)?.end ?? text.length;
  const written = lines.map((line, index) => `${indent}${index === 0 ? "- " : "  "}${line}`).join(newline);
  const isOpen = !text.slice(0, end).endsWith("\n");
  return { start: end, end, insert: isOpen ? `${newline}${written}` : `${written}${newline}` };
}

/** The text without some items of its lists. A text without a newline at its end keeps none. */
export function withoutItems(text: string, items: readonly ManifestItem[]): string {
  const written = withEdits(text, items.map(({ start, end }) => ({ start, end, insert: "" })));
  return text.endsWith("\n") ? written : written.replace(/\r?\n$/, "");
}

/** The text after all edits. Those at one place keep their order. */
export function withEdits(text: string, edits: readonly TextEdit[]): string {
  const sorted = edits.toSorted((a, b) => a.start - b.start);
  let written = "";
  let at = 0;
  for (const { start, end, insert } of sorted) {
    written += text.slice(at, start) + insert;
    at = end;
  }
  return written + text.slice(at);
}

function blockList(text: string, node: unknown): ManifestList | undefined {
  if (!isSeq(node) || node.flow === true || node.items.length === 0) return undefined;
  const items = node.items.map((item) => itemOf(text, item));
  const found = items.filter((item) => item !== undefined);
  const indents = new Set(found.map(({ indent }) => indent));
  const [indent] = indents;
  if (found.length < items.length || indent === undefined || indents.size > 1) return undefined;
  return { indent, items: found };
}

/** `undefined` for an item that does not begin behind its dash. */
function itemOf(text: string, node: unknown): (ManifestItem & { readonly indent: string }) | undefined {
  if (!isScalar(node) && !isMap(node)) return undefined;
  const begin = node.range?.[0];
  if (begin === undefined) return undefined;
  const start = text.lastIndexOf("\n", begin - 1) + 1;
  const [, indent] = /^( *)- +$/.exec(text.slice(start, begin)) ?? [];
  if (indent === undefined) return undefined;
  const newline = text.indexOf("\n", Math.max(begin, lastOffset(node) - 1));
  return { indent, value: node.toJSON(), start, end: newline < 0 ? text.length : newline + 1 };
}

/** The offset behind the last character of a node, without comments. */
function lastOffset(node: unknown): number {
  if (isMap(node) && node.flow !== true) {
    const last = node.items.at(-1);
    return Math.max(0, ...[last?.key, last?.value].filter(isNode).map(lastOffset));
  }
  if (isSeq(node) && node.flow !== true) return lastOffset(node.items.at(-1));
  return isNode(node) ? node.range?.[1] ?? 0 : 0;
}

function hasFlags(node: unknown): boolean {
  return isSeq(node) &&
    node.items.some((item) => isScalar(item) && typeof item.value === "string" && item.value.startsWith("--"));
}

function isNamedApiServer(node: unknown): node is YAMLMap {
  const name = memberOf(node, "name");
  return isScalar(name) && name.value === "kube-apiserver";
}

function memberOf(node: unknown, name: string): unknown {
  return isMap(node) ? node.get(name, true) : undefined;
}

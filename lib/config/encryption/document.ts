/**
 * Rewrites an EncryptionConfiguration with other lists of providers. Comments, quotes and the order of the file are
 * kept; JSON, which is also YAML, becomes YAML in block style.
 *
 * @module
 */
import { type Document, isAlias, isCollection, isMap, isNode, isSeq, parseDocument, visit, type YAMLMap } from "yaml";
import { KmsError } from "../../base/errors.ts";
import { readYaml } from "../../base/yaml_positions.ts";

/** An entry to be written. */
export interface PlannedEntry {
  /** Its index in the file; absent for a new entry, which is appended. */
  readonly from?: number;
  /** Resources of a new entry. */
  readonly resources?: readonly string[];
  /** A number is the index of a provider of the same entry, a text the YAML of a new provider. */
  readonly providers: readonly (number | string)[];
}

/** Whether a text uses anchors, which this module cannot keep: one node appears in several places. */
export function hasAnchors(text: string): boolean {
  let found = false;
  visit(parsed(text), (_key, node) => {
    if (isAlias(node) || (isNode(node) && "anchor" in node && node.anchor !== undefined)) found = true;
    return found ? visit.BREAK : undefined;
  });
  return found;
}

/**
 * Applies a plan.
 *
 * @param text of a file that {@linkcode readEncryptionFile} has accepted.
 * @returns YAML that ends with a newline.
 * @throws {KmsError} `internal` if the output would differ from the plan.
 */
export function rewritten(text: string, plan: readonly PlannedEntry[]): string {
  const document = parsed(text);
  if (isCollection(document.contents) && document.contents.flow) makeBlock(document);
  const entries = document.get("resources");
  if (!isSeq(entries)) throw unfaithful();
  const old = [...entries.items];
  entries.items = plan.map((entry) => {
    if (entry.from === undefined) return parsed(newEntry(entry)).contents;
    const node = old[entry.from];
    if (!isMap(node)) throw unfaithful();
    reorder(node, entry.providers);
    return node;
  });
  const written = document.toString({ lineWidth: 0 });
  if (JSON.stringify(readYaml(written).value) !== JSON.stringify(expected(text, plan))) throw unfaithful();
  return written;
}

/** All comments of a text, without `#`. */
export function commentsOf(text: string): string {
  const document = parsed(text);
  const found: (string | null | undefined)[] = [document.commentBefore, document.comment];
  visit(document, (_key, node) => {
    if (isNode(node)) found.push(node.commentBefore, node.comment);
  });
  return found.filter((comment) => typeof comment === "string").join("\n");
}

function parsed(text: string): Document {
  return parseDocument(text.replaceAll("\r\n", "\n"), { version: "1.2", schema: "core", stringKeys: true });
}

function makeBlock(document: Document): void {
  visit(document, {
    Collection(_key, node) {
      // An empty mapping or list has the same form in both styles.
      if (node.items.length > 0) node.flow = false;
    },
    Pair(_key, { key }) {
      // Field names need no quotes.
      if (isNode(key) && "type" in key) key.type = "PLAIN";
    },
  });
}

function reorder(entry: YAMLMap, order: readonly (number | string)[]): void {
  const providers = entry.get("providers");
  if (!isSeq(providers)) throw unfaithful();
  const old = [...providers.items];
  providers.items = order.map((one) => typeof one === "number" ? old[one] : parsed(one).contents);
}

function newEntry({ resources = [], providers }: PlannedEntry): string {
  const written = providers.map((one) => `\n  - ${String(one).replaceAll("\n", "\n    ")}`).join("");
  const names = resources.map((name) => `\n  - ${JSON.stringify(name)}`).join("");
  return `resources:${names}\nproviders:${written}\n`;
}

/** The result of the plan as a plain value. */
function expected(text: string, plan: readonly PlannedEntry[]): unknown {
  const value = readYaml(text).value as { resources: { providers: unknown[] }[] };
  const entries = plan.map(({ from, resources, providers }) => {
    const old = from === undefined ? undefined : value.resources[from];
    const order = providers.map((one) => typeof one === "number" ? old?.providers[one] : readYaml(one).value);
    return old === undefined ? { resources, providers: order } : { ...old, providers: order };
  });
  return { ...value, resources: entries };
}

function unfaithful(): KmsError {
  return new KmsError("internal", "Cannot write the EncryptionConfiguration: it would not be what was read.");
}

/**
 * The table of error sentences for the documents: `docs/errors.yaml` holds causes and cures, the source holds the
 * sentences, and `docs/errors.md` is made of both. Any folder of `lib` may hold an `errors.yaml` with areas of its own, so
 * that a provider or a part of a service is added without a change of `docs/errors.yaml`. The same rows are written for
 * the programs, which name the anchor of a message and print its row.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parse } from "yaml";
import * as z from "zod/mini";
import { type ErrorSentence, errorSentences } from "./error_sentences.ts";

const words = z.string().check(z.minLength(1), z.regex(/^[^\n\t|]*[^\s|]$/));

const slug = z.string().check(z.regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/));

/** One sentence with its cause and its cure; where one is left out, that of its area stands, and where both are, in one row. */
const rowSchema = z.strictObject({
  says: words,
  /** Instead of the one that is made of the sentence: for a new wording under the old anchor. */
  anchor: z.optional(slug),
  cause: z.optional(words),
  cure: z.optional(words),
});

const areaSchema = z.strictObject({
  title: words,
  /** Its own anchor, and the beginning of the anchors of its rows. */
  anchor: slug,
  intro: z.optional(words),
  /** For the rows that give none of their own. */
  cause: z.optional(words),
  cure: z.optional(words),
  rows: z.array(rowSchema),
});

const documentSchema = z.strictObject({
  areas: z.array(areaSchema),
  /** Names of servers and things, and parts of sentences that mean nothing alone. */
  names: z.array(words),
});

/** The content of an `errors.yaml` in a folder of `lib`. */
const folderDocumentSchema = z.strictObject({ areas: z.array(areaSchema) });

/** The content of `docs/errors.yaml`. */
export type ErrorDocument = z.infer<typeof documentSchema>;

type ErrorArea = ErrorDocument["areas"][number];

/** Letters and digits that are not mistaken for each other. */
const anchorAlphabet = "23456789bcdfghjkmnpqrstvwxz";

/** The anchor of a row: that of its area, and five characters from the hash of the sentence. */
export function rowAnchor(area: Pick<ErrorArea, "anchor">, { says, anchor }: ErrorArea["rows"][number]): string {
  if (anchor !== undefined) return anchor;
  const hash = createHash("sha256").update(says).digest().subarray(0, 5);
  return `${area.anchor}-${[...hash].map((byte) => anchorAlphabet[byte % anchorAlphabet.length]).join("")}`;
}

/** All anchors of the page. */
export function pageAnchors({ areas }: ErrorDocument): readonly string[] {
  return areas.flatMap((area) => [area.anchor, ...area.rows.map((row) => rowAnchor(area, row))]);
}

/** `lib/base/error_anchors.tsv`: the anchor and the sentence of each row. */
export function anchorTable({ areas }: ErrorDocument): string {
  return tabbed(areas.flatMap((area) => area.rows.map((row) => [rowAnchor(area, row), row.says])));
}

/**
 * `lib/cli/error_help.tsv`: a line with the anchor, title, introduction, cause and cure of each area, followed by one with
 * the anchor, cause and cure of each of its rows. A cause or a cure that is empty is that of the area.
 */
export function helpTable({ areas }: ErrorDocument): string {
  return tabbed(areas.flatMap((area) => [
    [area.anchor, area.title, area.intro ?? "", area.cause ?? "", area.cure ?? ""],
    ...area.rows.map((row) => [rowAnchor(area, row), row.cause ?? "", row.cure ?? ""]),
  ]));
}

/** The files that are made of the document, by their paths from the root of the repository. */
export function errorFilesOf(document: ErrorDocument): Readonly<Record<string, string>> {
  return {
    "docs/errors.md": errorTable(document),
    "lib/base/error_anchors.tsv": anchorTable(document),
    "lib/cli/error_help.tsv": helpTable(document),
  };
}

function tabbed(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.join("\t")}\n`).join("");
}

/**
 * The document, with the areas of the folders of `lib` behind its own, by the paths of the folders.
 *
 * @throws if a file is not shaped so.
 */
export async function readErrorDocument(root: string): Promise<ErrorDocument> {
  const read = async (path: string): Promise<unknown> => parse(await Deno.readTextFile(join(root, path)));
  const { areas, names } = z.parse(documentSchema, await read("docs/errors.yaml"));
  const own: ErrorDocument["areas"] = [];
  for (const path of errorFiles(root, "lib").toSorted()) {
    own.push(...z.parse(folderDocumentSchema, await read(path)).areas);
  }
  return { areas: [...areas, ...own], names };
}

/** The paths of all files `errors.yaml` in a folder and the folders within it. */
function errorFiles(root: string, folder: string): string[] {
  return [...Deno.readDirSync(join(root, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? errorFiles(root, path) : name === "errors.yaml" ? [path] : [];
  });
}

/** The differences of the document from the source, each with its cure; empty if they agree. */
export function differences(document: ErrorDocument, sentences: readonly ErrorSentence[]): readonly string[] {
  const rows = document.areas.flatMap(({ rows }) => rows.map(({ says }) => says));
  const listed = [...rows, ...document.names];
  const texts = new Set(sentences.map(({ text }) => text));
  const anchors = pageAnchors(document);
  const bare = document.areas.flatMap(({ cause, cure, rows }) =>
    rows.filter((row) => (row.cause ?? cause) === undefined || (row.cure ?? cure) === undefined)
  );
  return [
    ...sentences.filter(({ text }) => !listed.includes(text))
      .map(({ text, files }) => `docs/errors.yaml lacks (${files.join(", ")}): ${text}`),
    ...listed.filter((text) => !texts.has(text)).map((text) => `no source says any more: ${text}`),
    ...listed.filter((text, index) => listed.indexOf(text) < index).map((text) => `stands twice: ${text}`),
    ...bare.map(({ says }) => `has no cause or no cure: ${says}`),
    ...anchors.filter((text, index) => anchors.indexOf(text) < index).map((text) => `an anchor stands twice: ${text}`),
  ];
}

/** `docs/errors.md`. */
export function errorTable({ areas }: ErrorDocument): string {
  const contents = areas.map(({ title, anchor }) => `- [${title}](#${anchor})`);
  return [
    "# Error sentences, their causes and cures",
    "",
    "Made by `deno task docs:errors` from the source and from `errors.yaml`; a test compares them. `{name}` stands for a",
    "value. Many sentences have a head such as `Cannot {action}: {why}.`: look the end of the sentence up by its own row.",
    "",
    "A message of a command ends with its anchor, as in `trousseau help error vault-key-x2y3z`, which prints the row without",
    "this page; `#vault-key-x2y3z` behind the address of this page leads to it. In the log it is the field `anchor`.",
    "`trousseau help error` and a sentence, in quotation marks, finds the row of a sentence from elsewhere.",
    "",
    ...contents,
    ...areas.flatMap(section),
    "",
  ].join("\n");
}

function section(area: ErrorArea): string[] {
  const { title, intro, rows, cause = "", cure = "" } = area;
  const own = rows.filter((row) => row.cause !== undefined || row.cure !== undefined);
  const common = rows.filter((row) => !own.includes(row));
  const says = (row: ErrorArea["rows"][number]) => `${target(rowAnchor(area, row))}${code(row.says)}`;
  const cells = [
    ...own.map((row) => [says(row), row.cause ?? cause, row.cure ?? cure]),
    ...(common.length === 0 ? [] : [[common.map(says).join("<br>"), cause, cure]]),
  ];
  return [
    "",
    target(area.anchor),
    "",
    `## ${title}`,
    ...(intro === undefined ? [] : ["", intro]),
    "",
    "| The sentence, or its end | Cause | Cure |",
    "| --- | --- | --- |",
    ...cells.map((row) => `| ${row.join(" | ")} |`),
  ];
}

/** The target of a link, which is not shown. */
function target(anchor: string): string {
  return `<a id="${anchor}"></a>`;
}

/** In a code span; two backticks around a text that holds one. */
function code(text: string): string {
  const plain = text.trim().replaceAll("|", "\\|");
  return plain.includes("`") ? `\`\` ${plain} \`\`` : `\`${plain}\``;
}

if (import.meta.main) {
  const root = new URL("../..", import.meta.url).pathname;
  const document = await readErrorDocument(root);
  const differing = differences(document, await errorSentences(root));
  for (const [path, text] of Object.entries(errorFilesOf(document))) await Deno.writeTextFile(join(root, path), text);
  await Deno.stderr.write(new TextEncoder().encode(differing.map((line) => `${line}\n`).join("")));
  Deno.exit(differing.length === 0 ? 0 : 1);
}

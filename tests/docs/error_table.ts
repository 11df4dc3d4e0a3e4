/**
 * The table of error sentences for the documents: `docs/errors.yaml` holds causes and cures, the source holds the
 * sentences, and `docs/errors.md` is made of both. Any folder of `lib` may hold an `errors.yaml` with areas of its own, so
 * that a provider or a part of a service is added without a change of `docs/errors.yaml`.
 *
 * @module
 */
import { join } from "node:path";
import { parse } from "yaml";
import * as z from "zod/mini";
import { type ErrorSentence, errorSentences } from "./error_sentences.ts";

const words = z.string().check(z.minLength(1), z.regex(/^[^\n|]*[^\s|]$/));

/** One sentence with its cause and its cure; where one is left out, that of its area stands, and where both are, in one row. */
const rowSchema = z.strictObject({
  says: words,
  cause: z.optional(words),
  cure: z.optional(words),
});

const areaSchema = z.strictObject({
  title: words,
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
  const bare = document.areas.flatMap(({ cause, cure, rows }) =>
    rows.filter((row) => (row.cause ?? cause) === undefined || (row.cure ?? cure) === undefined)
  );
  return [
    ...sentences.filter(({ text }) => !listed.includes(text))
      .map(({ text, files }) => `docs/errors.yaml lacks (${files.join(", ")}): ${text}`),
    ...listed.filter((text) => !texts.has(text)).map((text) => `no source says any more: ${text}`),
    ...listed.filter((text, index) => listed.indexOf(text) < index).map((text) => `stands twice: ${text}`),
    ...bare.map(({ says }) => `has no cause or no cure: ${says}`),
  ];
}

/** `docs/errors.md`. */
export function errorTable({ areas }: ErrorDocument): string {
  const contents = areas.map(({ title }) => `- [${title}](#${anchor(title)})`);
  return [
    "# Error sentences, their causes and cures",
    "",
    "Made by `deno task docs:errors` from the source and from `errors.yaml`; a test compares them. `{name}` stands for a",
    "value. Many sentences have a head such as `Cannot {action}: {why}.`: look the end of the sentence up by its own row.",
    "",
    ...contents,
    ...areas.flatMap(section),
    "",
  ].join("\n");
}

function section({ title, intro, rows, cause = "", cure = "" }: ErrorDocument["areas"][number]): string[] {
  const own = rows.filter((row) => row.cause !== undefined || row.cure !== undefined);
  const common = rows.filter((row) => !own.includes(row)).map(({ says }) => code(says));
  const cells = [
    ...own.map((row) => [code(row.says), row.cause ?? cause, row.cure ?? cure]),
    ...(common.length === 0 ? [] : [[common.join("<br>"), cause, cure]]),
  ];
  return [
    "",
    `## ${title}`,
    ...(intro === undefined ? [] : ["", intro]),
    "",
    "| The sentence, or its end | Cause | Cure |",
    "| --- | --- | --- |",
    ...cells.map((row) => `| ${row.join(" | ")} |`),
  ];
}

/** As GitHub makes it of a heading. */
function anchor(title: string): string {
  return title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
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
  await Deno.writeTextFile(join(root, "docs/errors.md"), errorTable(document));
  await Deno.stderr.write(new TextEncoder().encode(differing.map((line) => `${line}\n`).join("")));
  Deno.exit(differing.length === 0 ? 0 : 1);
}

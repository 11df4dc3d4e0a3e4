/**
 * `help error`: the rows of `docs/errors.md`, for a machine without the documents.
 *
 * It should be loaded lazily, since no other part needs the table.
 *
 * @module
 */
import { anchorOf, sentenceAt } from "../base/error_anchors.ts";
import { UsageError } from "./command.ts";
import table from "./error_help.tsv" with { type: "text" };
import { columns, sections, wrapped } from "./table.ts";
import { printable } from "./terminal.ts";

/** A row of an area; a cause or a cure that is empty is that of the area. */
interface HelpRow {
  readonly anchor: string;
  readonly cause: string;
  readonly cure: string;
}

interface HelpArea extends HelpRow {
  readonly title: string;
  readonly intro: string;
  readonly rows: readonly HelpRow[];
}

type Section = readonly [title: string, lines: readonly string[]];

/**
 * The text for anchors, or for one sentence, or the list of all areas if there are no words.
 *
 * @param program the name that commands begin with.
 * @throws {UsageError} if the words are neither.
 */
export function errorHelp(words: readonly string[], program: string, width: number): string {
  const areas = readAreas();
  if (words.length === 0) return areasHelp(areas, program, width);
  const named = words.map((word) => wordHelp(word.replace(/^#/, ""), areas, width));
  const known = named.filter((one) => one !== undefined);
  if (known.length === words.length) return known.join("\n");
  const anchor = anchorOf(words.join(" "));
  const text = anchor === undefined ? undefined : wordHelp(anchor, areas, width);
  if (text !== undefined) return text;
  throw new UsageError(`No row has the anchor or the sentence "${printable(words.join(" "))}".`, "help");
}

function readAreas(): readonly HelpArea[] {
  const areas: (HelpArea & { readonly rows: HelpRow[] })[] = [];
  for (const line of table.trimEnd().split("\n")) {
    const [anchor = "", second = "", third = "", cause, cure] = line.split("\t");
    if (cause === undefined || cure === undefined) areas.at(-1)?.rows.push({ anchor, cause: second, cure: third });
    else areas.push({ anchor, title: second, intro: third, cause, cure, rows: [] });
  }
  return areas;
}

function areasHelp(areas: readonly HelpArea[], program: string, width: number): string {
  const about = `A message of a failure names its anchor. "${program} help error ANCHOR" prints cause and cure, and ` +
    `"${program} help error 'SENTENCE'" finds the row of a sentence, for instance of one in a log. These anchors ` +
    "stand for all rows of an area.";
  return sections([
    ["", wrapped(about, width)],
    ["Areas", columns(areas.map(({ anchor, title }) => [anchor, title]), width)],
  ]);
}

/** The text for an anchor; `undefined` if it is none. */
function wordHelp(anchor: string, areas: readonly HelpArea[], width: number): string | undefined {
  for (const area of areas) {
    if (area.anchor === anchor) return areaHelp(area, width);
    const row = area.rows.find((one) => one.anchor === anchor);
    if (row !== undefined) return sections(rowSections(row, area, width));
  }
  return undefined;
}

function areaHelp(area: HelpArea, width: number): string {
  const rows = area.rows.map(({ anchor }) => [anchor, sentenceAt(anchor) ?? ""] as const);
  return sections([
    ["", wrapped([area.title, area.intro].filter((text) => text !== "").join(". "), width)],
    ["Sentences, or their ends", columns(rows, width)],
  ]);
}

function rowSections({ anchor, cause, cure }: HelpRow, area: HelpArea, width: number): readonly Section[] {
  return [
    [`${anchor} (${area.title})`, wrapped(sentenceAt(anchor) ?? "", width)],
    ["Cause", wrapped(cause === "" ? area.cause : cause, width)],
    ["Cure", wrapped(cure === "" ? area.cure : cure, width)],
  ];
}

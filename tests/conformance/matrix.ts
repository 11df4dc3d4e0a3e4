/**
 * The support matrix: the required results, and their form in `docs/compatibility.md`.
 *
 * @module
 */
import { configJsonSchema } from "../../lib/config/json_schema.ts";
import { markdownTable } from "../support/markdown_table.ts";
import { criteriaOf, type Criterion, type Part } from "./criteria.ts";
import type { Results, Row } from "./results.ts";

/** Every kind of provider that the config knows, with its methods to log in. */
export type Offered = ReadonlyMap<string, readonly string[]>;

/** A JSON Schema, as far as it matters here. */
interface Schema {
  readonly const?: string;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** Read from the schema that operators' editors get: what is not there cannot be configured. */
export function offered(): Offered {
  const schema: Schema = configJsonSchema();
  const arms = schema.properties?.providers?.items?.oneOf ?? [];
  return new Map(arms.map(({ properties }) => {
    const methods = properties?.auth?.oneOf ?? [];
    return [`${properties?.kind?.const}`, methods.map(({ properties }) => `${properties?.method?.const}`)];
  }));
}

/** The missing and surplus results, one sentence for each; none if they are complete. */
export function gaps(results: Results, known: Offered, files: readonly string[]): string[] {
  const rows = Object.entries(results);
  return [
    ...[...known].flatMap(([kind, methods]) => missingRuns(rows.map(([, row]) => row), kind, methods)),
    ...rows.flatMap(([name, row]) => [...faultsOf(row, known, files)].map((fault) => `${name}: ${fault}`)),
  ];
}

function missingRuns(rows: readonly Row[], kind: string, methods: readonly string[]): string[] {
  const mine = rows.filter((row) => row.kind === kind);
  const whole = mine.some(({ part }) => part === "whole");
  return [
    ...(whole ? [] : [`no bench puts "${kind}" to the whole suite`]),
    ...methods.filter((method) => !mine.some(({ auth }) => auth === method))
      .map((method) => `no bench logs in to "${kind}" by "${method}"`),
  ];
}

function* faultsOf({ by, kind, auth, part, criteria }: Row, known: Offered, files: readonly string[]) {
  const methods = known.get(kind);
  if (!files.includes(by)) yield `${by} is not there`;
  if (methods === undefined) yield `there is no provider "${kind}"`;
  else if (auth === undefined ? methods.length > 0 : !methods.includes(auth)) {
    yield `"${kind}" does not log in by "${auth ?? "nothing"}"`;
  }
  const asked: readonly string[] = criteriaOf(part);
  for (const criterion of asked) if (!Object.hasOwn(criteria, criterion)) yield `"${criterion}" is missing`;
  for (const criterion of Object.keys(criteria)) if (!asked.includes(criterion)) yield `nobody asks "${criterion}"`;
}

const [begin, end] = ["<!-- Written by `deno task matrix`: -->", "<!-- to here. -->"];

/** The page with the section between the two marks made anew. */
export function withSection(page: string, results: Results): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error("Cannot write the support matrix: the page has lost its marks.");
  return `${page.slice(0, from)}${begin}\n\n${section(results)}\n${page.slice(to)}`;
}

/** Rows that show the same, put together. */
interface Line {
  readonly kind: string;
  readonly auths: readonly string[];
  readonly keys: readonly string[];
  readonly engine: string;
  readonly part: Part;
  readonly criteria: Row["criteria"];
}

function section(results: Results): string {
  const lines = linesOf(Object.values(results));
  const head = ["KMS", "log in", "kind of key", "tested on", "criteria"];
  const cells = lines.map(({ kind, auths, keys, engine, part, criteria }) => [
    `\`${kind}\``,
    auths.map((auth) => `\`${auth}\``).join(", ") || "–",
    keys.join(", "),
    engine,
    `${count(criteria)}${part === "login" ? " of a login" : ""}`,
  ]);
  const notes = lines.flatMap((line) =>
    restrictions(line).map((text) => `- \`${line.kind}\` on ${line.engine}: ${text}`)
  );
  return `${markdownTable(head, cells)}\n\n${[...new Set(notes)].map(wrapped).join("\n")}\n`;
}

function linesOf(rows: readonly Row[]): Line[] {
  const sorted = rows.toSorted((a, b) =>
    order(a.kind, b.kind) || order(b.part, a.part) || order(a.engine === "double", b.engine === "double")
  );
  const single = sorted.map(({ kind, engine, auth, key, part, criteria }): Line => {
    return { kind, engine, part, criteria, auths: auth === undefined ? [] : [auth], keys: [key] };
  });
  const byLogin = together(single, ({ auths: _, ...same }) => same, "auths");
  return together(byLogin, ({ keys: _, ...same }) => same, "keys");
}

function together(lines: readonly Line[], same: (line: Line) => object, list: "auths" | "keys"): Line[] {
  return [...Map.groupBy(lines, (line) => JSON.stringify(same(line))).values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, [list]: [...new Set(group.flatMap((line) => line[list]))] }];
  });
}

function order<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function count(criteria: Row["criteria"]): string {
  const outcomes = Object.values(criteria);
  const possible = outcomes.filter((outcome) => outcome.startsWith("held")).length;
  const not = outcomes.length - possible;
  return not === 0 ? `${possible} of ${possible}` : `${possible} of ${possible}, ${not} cannot be`;
}

/** The criteria that could not be tested, or not for all calls, grouped by their reason. */
function restrictions({ criteria }: Line): string[] {
  const entries = Object.entries(criteria) as [Criterion, string][];
  const told = entries.filter(([, outcome]) => outcome !== "held");
  return [...Map.groupBy(told, ([, outcome]) => outcome)].map(([outcome, those]) => {
    const names = those.map(([criterion]) => criterion).join("; ");
    return outcome.startsWith("cannot: ")
      ? `cannot: ${names} (${outcome.slice("cannot: ".length)}).`
      : `${names}: ${outcome}.`;
  });
}

/** As `deno fmt` breaks an item of a list: at 120 characters. */
function wrapped(item: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of item.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > 120) {
      lines.push(line);
      line = ` ${word}`;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((text, at) => at === 0 ? text : ` ${text}`).join("\n");
}

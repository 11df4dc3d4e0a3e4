/**
 * Manual pages, made of the tables from which the programs print their help.
 *
 * @module
 */
import { positionalUsage } from "../../lib/cli/arguments.ts";
import type { Command, Example, Program } from "../../lib/cli/command.ts";
import { acceptedOptions, optionForms, optionRow, type OptionTable, optionUsage } from "../../lib/cli/options.ts";
import { bold, literal, paragraph, roffText, section, term } from "./roff.ts";

/** The edition that the pages name. */
export interface Edition {
  readonly version: string;
  /** Its time, in seconds since 1970. */
  readonly sourceDate: number;
}

/** The tables of a program that its pages need. */
export type Documented = Pick<Program, "name" | "options" | "topics" | "exits" | "firstPage"> & {
  readonly commands: readonly Command[];
};

/** Where a program's pages put its commands: on a page for each, or all on the program's own page. */
type Layout = "page for each command" | "one page";

/** The files of a program's pages by name, as `trousseau-check.1`. */
export async function manualPages(
  program: Documented,
  layout: Layout,
  edition: Edition,
): Promise<ReadonlyMap<string, string>> {
  const apart = layout === "page for each command" ? program.commands : [];
  const first = await firstPage(program, layout, edition);
  const pages = apart.map((command) =>
    [`${pageName(program.name, command)}.1`, commandPage(program, command, edition)] as const
  );
  return new Map([[`${program.name}.1`, first], ...pages]);
}

async function firstPage(program: Documented, layout: Layout, edition: Edition): Promise<string> {
  const { name, firstPage, exits, commands, options } = program;
  const list = layout === "one page"
    ? commands.flatMap((command) => commandPart(command, program))
    : commands.flatMap((command) => term(`${bold(pageName(name, command))}(1)`, command.summary));
  return page(name, edition, [
    ...section("NAME", [`${roffText(name)} \\- ${roffText(summaryOf(program))}`]),
    ...section("SYNOPSIS", [`${bold(name)} ${roffText("COMMAND [OPTIONS]")}`]),
    ...section("DESCRIPTION", [
      ...paragraph(firstPage.about),
      ...firstPage.paragraphs.flatMap(([title, text]) => [`.SS ${roffText(title)}`, ...paragraph(text)]),
    ]),
    ...section("COMMANDS", list),
    ...section("OPTIONS", layout === "one page" ? Object.keys(options).flatMap((row) => optionPart(options, row)) : []),
    ...section("ENVIRONMENT", await environmentPart(program)),
    ...section("EXIT STATUS", exitPart(exits)),
    ...section("EXAMPLES", examplePart(firstPage.examples)),
  ]);
}

function commandPage(program: Documented, command: Command, edition: Edition): string {
  const { name, options, exits } = program;
  const about = pageName(name, command);
  return page(about, edition, [
    ...section("NAME", [`${roffText(about)} \\- ${roffText(command.summary)}`]),
    ...section("SYNOPSIS", [usageOf(program, command)]),
    ...section("DESCRIPTION", paragraph(command.description)),
    ...section("OPTIONS", acceptedOptions(command.options).flatMap((row) => optionPart(options, row))),
    ...section("EXIT STATUS", exitPart(exits)),
    ...section("EXAMPLES", examplePart(command.examples)),
    ...section("SEE ALSO", [`${bold(name)}(1)`]),
  ]);
}

function commandPart(command: Command, program: Documented): readonly string[] {
  return [
    `.SS ${roffText(command.name)}`,
    usageOf(program, command),
    ".PP",
    ...paragraph(`${capital(command.summary)}. ${command.description}`),
    ...command.examples.flatMap((example) => [".PP", ...examplePart([example])]),
  ];
}

function usageOf({ name, options }: Documented, command: Command): string {
  const shown = command.options.map((row) =>
    `[${optionUsage(options, row)}]${optionRow(options, row).many ? "..." : ""}`
  );
  const rest = [...command.positionals.map(positionalUsage), ...shown].join(" ");
  return `${bold(`${name} ${command.name}`)}${rest === "" ? "" : ` ${roffText(rest)}`}`;
}

function optionPart(table: OptionTable, row: string): readonly string[] {
  return term(bold(optionForms(table, row).trim()), optionRow(table, row).summary);
}

function exitPart(exits: Program["exits"]): readonly string[] {
  return Object.values(exits).flatMap(({ status, meaning, cure }) =>
    term(bold(String(status)), `${capital(meaning)}.${cure === "nothing" ? "" : ` ${capital(cure)}.`}`)
  );
}

function examplePart(examples: readonly Example[]): readonly string[] {
  return examples.flatMap(({ line, does }, index) => [
    // mandoc warns of a paragraph that begins right after a heading.
    ...(index === 0 ? [] : [".PP"]),
    ...paragraph(`${capital(does)}:`),
    ".PP",
    ".RS 4",
    ...literal([line]),
    ".RE",
  ]);
}

async function environmentPart({ topics }: Documented): Promise<readonly string[]> {
  const topic = topics["environment"];
  if (topic === undefined) return [];
  // The text of a topic needs its words and a width alone.
  const text = await topic.text([], {} as Program, 72);
  return literal(text.trimEnd().split("\n"));
}

function page(name: string, { version, sourceDate }: Edition, lines: readonly string[]): string {
  const date = new Date(sourceDate * 1000).toISOString().slice(0, 10);
  const title = `.TH ${name.toUpperCase()} 1 ${date} "Trousseau ${version}" "Trousseau"`;
  return [title, ...lines, ""].join("\n");
}

function pageName(program: string, command: Command): string {
  return [program, ...command.name.split(" ")].join("-");
}

function summaryOf({ firstPage }: Documented): string {
  return firstPage.about.split(/[.:;]/, 1)[0] ?? "";
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * The README's tables of commands, options and exit statuses, held against the tables of the program.
 *
 * @module
 */
import { deepEqual, ok } from "node:assert/strict";
import type { Command } from "../../lib/cli/command.ts";
import { commands } from "../../lib/cli/trousseau/commands.ts";
import { exits } from "../../lib/cli/trousseau/exits.ts";
import type { OptionName } from "../../lib/cli/trousseau/options.ts";

const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
const [section = ""] = /^## Commands\n[^]*?(?=^## )/m.exec(readme) ?? [];
const table: readonly Command[] = commands;

/** The cells of the section's tables. */
const rows = section.split("\n").filter((line) => line.startsWith("| ")).map((line) =>
  line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim())
);

function takers(option: OptionName): readonly string[] {
  return table.filter(({ options }) => options.includes(option)).map(({ name }) => name);
}

/** The names in backquotes. */
function names(cell: string | undefined): readonly string[] {
  return [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? "");
}

Deno.test("the README's commands are those of the table", () => {
  const cells = rows.flatMap(([first]) => names(first)).filter((name) => !name.startsWith("-"));
  for (const { name } of table) ok(cells.some((cell) => `${cell} `.startsWith(`${name} `)), name);
  for (const cell of cells) ok(table.some(({ name }) => `${cell} `.startsWith(`${name} `)), cell);
});

Deno.test("the README's exit statuses are those of the table", () => {
  const found = rows.filter(([first]) => /^\d+$/.test(first ?? ""));
  deepEqual(found, Object.values(exits).map(({ status, meaning }) => [String(status), meaning]));
});

Deno.test("the README's options are taken by the commands that it names", () => {
  const row = (label: string) => rows.findIndex(([first]) => first === label);
  deepEqual(names(rows[row("`-o, --output json`")]?.[1]), takers("json"));
  const levels = row("`--log-level LEVEL`");
  deepEqual([...names(rows[levels]?.[1]), ...names(rows[levels + 1]?.[1])].toSorted(), takers("log-level").toSorted());
});

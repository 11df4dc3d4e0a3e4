/**
 * The tables of commands, options and exit statuses in `README.md` and `docs/commands.md`, held against the program.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import type { Command } from "../../lib/cli/command.ts";
import { commands } from "../../lib/cli/trousseau/commands.ts";
import { commandPages, withCommandTables } from "../docs/command_tables.ts";

const table: readonly Command[] = commands;

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(`../../${path}`, import.meta.url));
}

for (const path of Object.keys(commandPages)) {
  Deno.test(`${path} has the tables of its program`, async () => {
    const page = await read(path);
    equal(page, withCommandTables(path, page), "run deno task docs:commands");
  });
}

Deno.test("the README's short table names every command and no other", async () => {
  const [section = ""] = /^## Commands\n[^]*?(?=^## )/m.exec(await read("README.md")) ?? [];
  const cells = section.split("\n").filter((line) => line.startsWith("| "))
    .map((line) => line.split(/(?<!\\)\|/)[1] ?? "")
    .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
  for (const { name } of table) ok(cells.some((cell) => `${cell} `.startsWith(`${name} `)), name);
  for (const cell of cells) ok(table.some(({ name }) => `${cell} `.startsWith(`${name} `)), cell);
});

Deno.test("README.md is one page", async () => {
  const lines = (await read("README.md")).trimEnd().split("\n").length;
  ok(lines <= 185, `README.md has ${lines} lines; docs/ has a page for each question`);
});

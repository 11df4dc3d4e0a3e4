/**
 * `docs/adding-a-provider.md`, followed to the letter in a copy of the repository.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import { dirname, join } from "node:path";
import { inFolder } from "../support/temporary_folder.ts";
import { readPage } from "./markdown.ts";

const root = new URL("../..", import.meta.url).pathname;
const page = "docs/adding-a-provider.md";

/** What the steps change, load or need. */
const copied = [
  "main.ts",
  "deno.json",
  "deno.lock",
  "deno.keyring.json",
  "deno.keyring.lock",
  "deno.clectl.json",
  "deno.clectl.lock",
  "deno.dev.json",
  "deno.dev.lock",
  "lib",
  "proto",
  "deploy",
  "tests",
];

async function ran(folder: string, command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd: folder }).output();
  const output = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr]));
  equal(code, 0, `${command} ${args.join(" ")}:\n${output.slice(-3000)}`);
  return output;
}

Deno.test(`the toy of ${page} compiles, loads its example and passes the conformance suite`, () =>
  inFolder(async (folder) => {
    await ran(root, "cp", ["-r", ...copied, "docs", folder]);
    const { blocks } = readPage(page, await Deno.readTextFile(join(root, page)));
    const files = blocks.filter(({ info }) => info !== "");
    ok(files.length >= 6, "the page has the files of the toy");
    for (const { info, text } of files) {
      await Deno.mkdir(join(folder, dirname(info)), { recursive: true });
      await Deno.writeTextFile(join(folder, info), text);
    }
    for (const { text } of blocks.filter(({ language }) => language === "diff")) {
      await Deno.writeTextFile(join(folder, "step.diff"), text);
      await ran(folder, "git", ["apply", "--recount", "-C1", "step.diff"]);
    }
    const made = files.map(({ info }) => info).filter((path) => path.endsWith(".ts"));
    await ran(folder, Deno.execPath(), ["check", "--config", "deno.dev.json", "main.ts", ...made]);
    await ran(folder, Deno.execPath(), ["fmt", "--check", ...made]);
    await ran(folder, Deno.execPath(), ["lint", ...made]);
    await ran(folder, Deno.execPath(), ["task", "matrix", "tests/conformance/toy_test.ts"]);
    const tests = [
      "deploy/config/examples_test.ts",
      "tests/conformance/toy_test.ts",
      "tests/conformance/matrix_test.ts",
    ];
    await ran(folder, Deno.execPath(), [
      ...["test", "--no-check", "--config", "deno.dev.json", "-A"],
      ...[...tests, "tests/architecture/imports_test.ts"],
    ]);
  }));

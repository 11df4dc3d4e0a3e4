import { deepEqual, equal, match, ok } from "node:assert/strict";
import { runClectl } from "../../../tests/support/clectl_terminal.ts";
import { bashOffers, completionScript, runBash } from "../../../tests/support/completion.ts";
import { parse } from "../arguments.ts";
import type { Program } from "../command.ts";
import { longName } from "../options.ts";
import { clectl } from "./program.ts";

const program = clectl as Program;

Deno.test("the examples in clectl's help are split by a shell into words that clectl takes", async () => {
  const examples = [...clectl.firstPage.examples, ...clectl.commands.flatMap(({ examples }) => examples)];
  ok(examples.length > clectl.commands.length);
  for (const { line } of examples) {
    const script = `export HOME=$PWD; mkdir -p .zfunc .config/fish/completions; touch user.txt ann.json token
      clectl() { printf '%s\\n' "$@" >words; }
      pwqgen() { :; }
      ${line}
      cat words >&3; rm -rf .zfunc .config words user.txt ann.json token john.env policy.yaml audit.pem`;
    const { code, out, err } = await runBash(["--norc", "-c", `{ ${script}\n} 3>&1`], "");
    deepEqual([code, err], [0, ""], line);
    const words = out.trim().split("\n");
    equal(parse(words, program).command.name.split(" ")[0], words[0], line);
  }
});

Deno.test("clectl help has no line of more than 100 columns, for every subject", async () => {
  for (const subject of ["", ...clectl.commands.map(({ name }) => name), ...Object.keys(clectl.topics)]) {
    const { status, out } = await runClectl(["help", ...subject.split(" ").filter((word) => word !== "")]);
    equal(status, 0, subject);
    for (const line of out.split("\n")) {
      ok(line.length <= 100 || !/\s/.test(line.trim()) || /^\s*clectl /.test(line), line);
    }
  }
});

Deno.test("no command of clectl has two options of one name, and each takes the help", () => {
  for (const { name, options } of clectl.commands) {
    const names = options.map((option) => longName(clectl.options, option));
    deepEqual(names, [...new Set(names)], name);
  }
});

Deno.test("every option of clectl is taken by a command, or stands without one", () => {
  const taken = new Set<string>(clectl.commands.flatMap(({ options }) => options));
  const alone = ["format", "version", "help"];
  deepEqual(Object.keys(clectl.options).filter((name) => !taken.has(name) && !alone.includes(name)), []);
});

Deno.test("the completions of clectl offer commands, options and values", async () => {
  ok((await bashOffers(program, "")).includes("generate"));
  deepEqual(await bashOffers(program, "token", ""), ["create", "list", "revoke"]);
  ok((await bashOffers(program, "get", "--")).includes("--show"));
  deepEqual(await bashOffers(program, "get", "-o", ""), ["table", "json", "yaml", "env", "raw"]);
  deepEqual(await bashOffers(program, "list", "-o", ""), ["table", "json", "yaml"]);
  deepEqual(await bashOffers(program, "generate", "--type", "x"), ["x25519"]);
});

Deno.test("clectl suggests its own commands for those of other tools, and refuses values in arguments", async () => {
  for (
    const [word, meant] of [["insert", "create"], ["show", "get"], ["ls", "list"], ["rm", "delete"], [
      "serve",
      "trousseau keyring serve",
    ]]
  ) {
    const { status, err } = await runClectl([word ?? ""]);
    equal(status, 64);
    match(err, new RegExp(`Did you mean "?${meant}"?\\?`), word);
  }
  for (const option of ["--value", "--password", "--secret"]) {
    for (
      const words of [["create", "a", option, "x1y2"], [option, "x1y2", "create", "a"], [
        "create",
        "a",
        `${option}=x1y2`,
      ]]
    ) {
      const { status, out, err } = await runClectl(words);
      deepEqual([status, out, /--stdin/.test(err), /x1y2/.test(err)], [64, "", true, false], words.join(" "));
    }
  }
});

Deno.test("clectl version prints YAML and JSON", async () => {
  match((await runClectl(["version", "-o", "yaml"])).out, /^version: \d/m);
  equal(typeof JSON.parse((await runClectl(["version", "--json"])).out).version, "string");
  match((await runClectl(["--version"])).out, /^clectl \d/);
});

Deno.test("the completions for zsh know the words of every command, and options that can be repeated", async () => {
  const text = await completionScript(program, "zsh");
  const rows = text.split("\n").filter((line) => line.includes(") _arguments "));
  equal(rows.length, clectl.commands.length);
  // _arguments completes no value of an option behind a word that it does not know.
  for (const row of rows) match(row, /'[1*]:word:[^']+' ;;$/);
  const get = rows.find((row) => row.includes("('get')")) ?? "";
  match(get, /'\*-f\+\[.*'\*--field=\[/);
  match(get, / '-o\+\[/);
});

import { deepEqual, equal, match } from "node:assert/strict";
import { bashOffers, completionScript, runBash } from "../../tests/support/completion.ts";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { clectl } from "./clectl/program.ts";
import type { Command, Program } from "./command.ts";
import { exitCodes } from "./exit_codes.ts";
import { type OptionTable, sharedOptions, type ValuesOf } from "./options.ts";
import { defineProgram, wordsOfCall } from "./program.ts";
import { run } from "./run.ts";
import type { Streams } from "./terminal.ts";
import { trousseau } from "./trousseau/program.ts";

const options = {
  config: { type: "string", short: "c", value: "NUMBER", summary: "another meaning than elsewhere" },
  help: sharedOptions.help,
  version: sharedOptions.version,
} as const satisfies OptionTable;

type ToyCommand = Command<ValuesOf<typeof options>, Streams, keyof typeof options>;

function telling(name: string, row: Partial<ToyCommand> = {}): ToyCommand {
  const rest = { summary: `does ${name}`, description: "", positionals: [], options: [], examples: [], ...row };
  return {
    ...rest,
    name,
    run({ options, positionals, terminal }) {
      terminal.stdout.write(JSON.stringify([name, options, positionals]));
      return Promise.resolve(exitCodes.ok.status);
    },
  };
}

const clectlCommands = clectl.commands as readonly Command[] as readonly ToyCommand[];

/** A program with commands of one to four words. */
const toy: Program = defineProgram<typeof options, Streams>({
  ...clectl,
  name: "toy",
  options,
  freeOptions: ["help"],
  commands: [
    telling("store", { positionals: [{ name: "FILE", optional: true }] }),
    telling("store ca rotate", { options: ["config"] }),
    telling("store ca show"),
    telling("store ca show all"),
    telling("token create"),
    ...clectlCommands.filter(({ name }) => name === "completions" || name === "help"),
  ],
  links: { toyd: ["store", "ca"] },
});

async function ran(...words: string[]) {
  const terminal = fakeTerminal();
  const status = await run(words, toy, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

for (
  const [line, called] of [
    ["store", ["store", {}, []]],
    ["store ./a", ["store", {}, ["./a"]]],
    ["store ca rotate", ["store ca rotate", {}, []]],
    ["-c 5 store ca rotate", ["store ca rotate", { config: "5" }, []]],
    ["store --config=5 ca rotate", ["store ca rotate", { config: "5" }, []]],
    ["store ca show", ["store ca show", {}, []]],
    ["store ca show all", ["store ca show all", {}, []]],
  ] as const
) {
  Deno.test(`run(${line}) is the command with the longest name`, async () => {
    const { out, err } = await ran(...line.split(" "));
    deepEqual(JSON.parse(out), called, err);
  });
}

for (
  const [line, complaint] of [
    [
      "store ca",
      /^toy: "store ca" wants one more word: rotate or show\.\nUsage: toy store ca COMMAND \[OPTIONS\]\n(Example: .*\n)?.*"toy help store ca"/,
    ],
    ["token", /^toy: "token" wants one more word: create\./],
    ["store ca rotat", /no command "store ca rotat"\. Did you mean "rotate"\?/],
    ["store ca show al", /no command "store ca show al"\. Did you mean "all"\?/],
    ["store cb rotate", /no command "store cb"\. Did you mean "ca"\?/],
    ["rotate", /no command "rotate"\. Did you mean "store ca rotate"\?/],
    ["crate", /no command "crate"\. Did you mean "token create"\?/],
    ["store ca rotate now", /"store ca rotate" does not take "now"\.\nUsage: toy store ca rotate \[OPTIONS\]/],
    ["store ca rotate --socket x", /"store ca rotate" has no option --socket\./],
    ["store ca show --config 5", /"store ca show" has no option --config\./],
    ["store ca rotate help", /Did you mean "toy help store ca rotate"\?/],
    ["stoer", /^toy: There is no command "stoer"\. Did you mean "store"\?/],
    ["start", /^toy: There is no command "start"\.\n/],
    ["restart", /^toy: There is no command "restart"\.\n/],
    ["help store cb", /no command "store cb"\. Did you mean "ca"\?/],
  ] as const
) {
  Deno.test(`run(${line}) is a usage error of its own program`, async () => {
    const { status, out, err } = await ran(...line.split(" "));
    deepEqual([status, out], [exitCodes.usage.status, ""]);
    match(err, complaint);
  });
}

Deno.test("run(help) explains commands and families of any number of words", async () => {
  match((await ran("help")).out, /^ {2}store ca show all +does store ca show all$/m);
  match((await ran("help", "store", "ca", "rotate")).out, /^ {2}toy store ca rotate \[--config NUMBER\]$/m);
  for (const words of [["help", "store", "ca"], ["store", "ca", "--help"]]) {
    const { status, out } = await ran(...words);
    equal(status, 0);
    match(out, /^ {2}toy store ca COMMAND \[OPTIONS\]$/m);
    match(out, /^ {2}store ca show all /m);
  }
  match((await ran("help", "token")).out, /^ {2}token create +does token create$/m);
});

Deno.test("bashCompletions() offers each word of a command of several words, also after help", async () => {
  deepEqual(await bashOffers(toy, "st"), ["store"]);
  deepEqual(await bashOffers(toy, "store", "c"), ["ca"]);
  deepEqual(await bashOffers(toy, "store", "ca", ""), ["rotate", "show"]);
  deepEqual(await bashOffers(toy, "-c", "5", "store", "ca", "show", "a"), ["all"]);
  deepEqual(await bashOffers(toy, "store", "ca", "rotate", "--"), ["--config", "--help"]);
  deepEqual(await bashOffers(toy, "help", "store", "ca", "sh"), ["show"]);
  deepEqual(await bashOffers(toy, "help", "token", ""), ["create"]);
});

for (const program of [toy, clectl as Program]) {
  Deno.test(`bashCompletions() of ${program.name} is a script that bash accepts and that names no other program`, async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      equal((await completionScript(program, shell)).includes("trousseau"), false, shell);
    }
    deepEqual(await runBash(["-n"], await completionScript(program, "bash")), { code: 0, out: "", err: "" });
  });
}

Deno.test("wordsOfCall() puts the words of a link before the arguments, and none for another name", () => {
  deepEqual(wordsOfCall("toyd", ["show"], toy), ["store", "ca", "show"]);
  deepEqual(wordsOfCall("/usr/local/bin/toyd", [], toy), ["store", "ca"]);
  deepEqual(wordsOfCall("/opt/toyd/toy", ["show"], toy), ["show"]);
  deepEqual(wordsOfCall("constructor", ["show"], toy), ["show"]);
  deepEqual(wordsOfCall("deno", ["serve"], trousseau), ["serve"]);
});

Deno.test("wordsOfCall() recognizes a link by process.argv0", async () => {
  const folder = await Deno.makeTempDir();
  const here = import.meta.dirname ?? ".";
  await Deno.writeTextFile(
    `${folder}/program.ts`,
    `import process from "node:process";
     import { wordsOfCall } from "${here}/program.ts";
     console.log(JSON.stringify(wordsOfCall(process.argv0, Deno.args, { links: { toyd: ["store", "ca"] } })));`,
  );
  await Deno.symlink(Deno.execPath(), `${folder}/toyd`);
  const args = ["run", "--quiet", "--no-check", "--no-config", `${folder}/program.ts`, "show"];
  const words = async (command: string) => {
    const { stdout } = await new Deno.Command(command, { args }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  };
  deepEqual(await words(`${folder}/toyd`), ["store", "ca", "show"]);
  deepEqual(await words(Deno.execPath()), ["show"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("run() uses the words of a link as those of its command", async () => {
  deepEqual(JSON.parse((await ran(...wordsOfCall("./toyd", ["show", "all"], toy))).out), ["store ca show all", {}, []]);
});

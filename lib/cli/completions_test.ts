import { deepEqual, equal, ok } from "node:assert/strict";
import { commands } from "./trousseau/commands.ts";
import { trousseau } from "./trousseau/program.ts";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { acceptedOptions, optionLabel, optionRow } from "./options.ts";
import { bashOffers, completionScript, runBash } from "../../tests/support/completion.ts";
import { run } from "./run.ts";

const script = (shell: string) => completionScript(trousseau, shell);
const offered = (...words: string[]) => bashOffers(trousseau, ...words);

Deno.test("bashCompletions() is a script that bash accepts", async () => {
  deepEqual(await runBash(["-n"], await script("bash")), { code: 0, out: "", err: "" });
});

Deno.test("bashCompletions() offers commands, options, values and second words", async () => {
  deepEqual(await offered("se"), ["serve"]);
  deepEqual(await offered("serve", "--"), [
    "--config",
    "--takeover",
    "--in-cluster",
    "--recovery-key",
    "--log-level",
    "--verbose",
    "--help",
  ]);
  deepEqual(await offered("keys", "r"), ["rotate"]);
  deepEqual(await offered("keys", "rotate", "--p"), ["--provider"]);
  deepEqual(await offered("config", ""), ["schema", "convert"]);
  deepEqual(await offered("completions", ""), ["bash", "zsh", "fish", "--help"]);
  deepEqual(await offered("completions", "b"), ["bash"]);
  deepEqual(await offered("encryption-config", "--kms-version", ""), ["v2", "v1beta1"]);
  deepEqual(await offered("encryption-config", "--kms-version", "=", "v1"), ["v1beta1"]);
  deepEqual(await offered("encryption-config", "--kms-version", "="), ["v2", "v1beta1"]);
  deepEqual(await offered("check", "-o", ""), ["table", "json"]);
  deepEqual(await offered("serve", "--log-level", "d"), ["debug"]);
  deepEqual(await offered("probe", "--timeout", ""), []);
});

Deno.test("bashCompletions() offers topics and two-word commands after help", async () => {
  deepEqual(await offered("help", "enc"), ["encryption-config"]);
  deepEqual(await offered("help", "exit"), ["exit-codes"]);
  deepEqual(await offered("help", "keys", ""), ["rotate"]);
  deepEqual(await offered("help", "config", ""), ["schema", "convert"]);
});

Deno.test("bashCompletions() finds the command after options", async () => {
  deepEqual(await offered("-c", "a.yaml", "stat"), ["status"]);
  deepEqual(await offered("--config", "=", "a.yaml", "keys", "r"), ["rotate"]);
  deepEqual(await offered("-v", "keys", "rotate", "--p"), ["--provider"]);
  deepEqual(await offered("keys", "--json", "r"), ["rotate"]);
});

Deno.test("bashCompletions() offers files if an option or a word names one", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/my config.yaml`, "");
  const found = [`${folder}/my config.yaml`];
  for (
    const words of [
      ["check", "--config"],
      ["check", "-c"],
      ["-c"],
      ["--config", "="],
      ["check"],
      ["-v", "status"],
      ["keys"],
      ["keys", "rotate"],
      ["probe"],
      ["conformance"],
      ["conformance", "/run/hsm.sock", "--junit"],
      ["config", "convert"],
      ["config", "convert", "a.yaml"],
      ["config", "convert", "-o"],
      ["encryption-config", "--from"],
    ]
  ) deepEqual(await offered(...words, `${folder}/my`), found, words.join(" "));
  for (const words of [["check", "-o"], ["check", "a.yaml"], ["version"], []]) {
    deepEqual(await offered(...words, `${folder}/my`), [], words.join(" "));
  }
  await Deno.remove(folder, { recursive: true });
});

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`completions(${shell}) names every command, every topic and every option`, async () => {
    const text = await script(shell);
    for (const topic of Object.keys(trousseau.topics)) ok(text.includes(topic), `${shell} lacks ${topic}`);
    for (const { name, options } of commands) {
      for (const word of name.split(" ")) ok(text.includes(word), `${shell} lacks ${word}`);
      for (const option of acceptedOptions(options)) {
        const label = optionLabel(trousseau.options, option);
        ok(text.includes(shell === "fish" ? `-l ${label.slice(2)} ` : label), `${shell} lacks ${label}`);
        const { short, choices = [] } = optionRow(trousseau.options, option);
        if (short !== undefined) ok(text.includes(shell === "fish" ? `-s ${short} ` : `-${short}`), `-${short}`);
        for (const choice of choices) ok(text.includes(choice), `${shell} lacks ${choice}`);
      }
    }
  });
}

Deno.test("completions() refuses an unknown shell", async () => {
  const terminal = fakeTerminal();
  equal(await run(["completions", "bahs"], trousseau, terminal), 64);
  ok(terminal.err().includes('Did you mean "bash"?'), terminal.err());
});

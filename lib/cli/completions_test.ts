import { deepEqual, equal, ok } from "node:assert/strict";
import { commands } from "./commands.ts";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { optionRow } from "./options.ts";
import { run } from "./run.ts";

async function script(shell: string): Promise<string> {
  const terminal = fakeTerminal();
  equal(await run(["completions", shell], commands, terminal), 0);
  return terminal.out();
}

async function bash(arguments_: string[], input: string): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command("bash", { args: arguments_, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** What bash offers after these words, the last of which is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const simulated = `${await script("bash")}
COMP_WORDS=(trousseau ${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length}
_trousseau
printf '%s\\n' "\${COMPREPLY[@]}"
`;
  const { code, out, err } = await bash(["--norc"], simulated);
  deepEqual({ code, err }, { code: 0, err: "" });
  return out.split("\n").filter((text) => text !== "");
}

Deno.test("bashCompletions() is a script that bash accepts", async () => {
  deepEqual(await bash(["-n"], await script("bash")), { code: 0, out: "", err: "" });
});

Deno.test("bashCompletions() offers commands, options, values and second words", async () => {
  deepEqual(await offered("se"), ["serve"]);
  deepEqual(await offered("serve", "--"), ["--config", "--takeover", "--help"]);
  deepEqual(await offered("keys", "r"), ["rotate"]);
  deepEqual(await offered("keys", "rotate", "--p"), ["--provider"]);
  deepEqual(await offered("config", ""), ["schema", "convert"]);
  deepEqual(await offered("completions", ""), ["bash", "zsh", "fish", "--help"]);
  deepEqual(await offered("help", "enc"), ["encryption-config"]);
  deepEqual(await offered("encryption-config", "--kms-version", ""), ["v2", "v1beta1"]);
  deepEqual(await offered("encryption-config", "--kms-version", "=", "v1"), ["v1beta1"]);
  deepEqual(await offered("probe", "--timeout", ""), []);
});

Deno.test("bashCompletions() offers files where an option names one", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/my config.yaml`, "");
  deepEqual(await offered("check", "--config", `${folder}/my`), [`${folder}/my config.yaml`]);
  await Deno.remove(folder, { recursive: true });
});

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`completions(${shell}) names every command and every option`, async () => {
    const text = await script(shell);
    for (const { name, options } of commands) {
      for (const word of name.split(" ")) ok(text.includes(word), `${shell} lacks ${word}`);
      for (const option of options) {
        ok(text.includes(shell === "fish" ? `-l ${option} ` : `--${option}`), `${shell} lacks --${option}`);
        for (const choice of optionRow(option).choices ?? []) ok(text.includes(choice), `${shell} lacks ${choice}`);
      }
    }
  });
}

Deno.test("completions() refuses a shell that it does not know", async () => {
  const terminal = fakeTerminal();
  equal(await run(["completions", "bahs"], commands, terminal), 64);
  ok(terminal.err().includes('Did you mean "bash"?'), terminal.err());
});

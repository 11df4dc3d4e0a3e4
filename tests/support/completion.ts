/**
 * Completions of a program, as bash offers them.
 *
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import { completions } from "../../lib/cli/completions.ts";
import type { Program } from "../../lib/cli/command.ts";
import type { Streams } from "../../lib/cli/terminal.ts";
import { fakeTerminal } from "./fake_terminal.ts";

/** The script that the command `completions` prints. */
export async function completionScript(program: Program, shell: string): Promise<string> {
  const terminal = fakeTerminal();
  const streams: Streams = terminal;
  equal(await completions({ program, options: {}, positionals: [shell], terminal: streams }), 0);
  return terminal.out();
}

/** Runs bash in an empty folder, because completions include the files of the current folder. */
export async function runBash(args: string[], input: string): Promise<{ code: number; out: string; err: string }> {
  const cwd = await Deno.makeTempDir();
  const child = new Deno.Command("bash", { args, cwd, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  await Deno.remove(cwd);
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** The words that bash offers after these words, the last of which is being typed. */
export async function bashOffers(program: Program, ...words: string[]): Promise<string[]> {
  const { name } = program;
  const simulated = `${await completionScript(program, "bash")}
COMP_WORDS=(${name} ${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length}
_${name}
printf '%s\\n' "\${COMPREPLY[@]}"
`;
  const { code, out, err } = await runBash(["--norc"], simulated);
  deepEqual({ code, err }, { code: 0, err: "" });
  return out.split("\n").filter((text) => text !== "");
}

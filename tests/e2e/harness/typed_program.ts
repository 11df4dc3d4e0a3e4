/**
 * A program at a terminal of its own (`script` of util-linux), whose prompts are answered as a person would.
 *
 * @module
 */
import { waitFor } from "../../support/processes.ts";

/** A running program. */
export class TypedProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<void>;
  #output = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#keys = child.stdin.getWriter();
    this.#read = this.#collect();
  }

  /** Starts it. @param words must need no quotes in a shell. */
  static start(words: readonly string[], env: Readonly<Record<string, string>>): TypedProgram {
    const args = ["--quiet", "--return", "--echo", "never", "--command", words.join(" "), "/dev/null"];
    const PATH = Deno.env.get("PATH") ?? "";
    const streams = { stdin: "piped", stdout: "piped", stderr: "null" } as const;
    const all = { PATH, TERM: "dumb", SHELL: "/bin/sh", ...env };
    return new TypedProgram(new Deno.Command("script", { args, clearEnv: true, env: all, ...streams }).spawn());
  }

  /** Waits for a prompt, and types a line. */
  async answer(prompt: string, line: string): Promise<void> {
    const prompted = () => this.#output.trimEnd().endsWith(prompt.trimEnd());
    await waitFor(`the prompt ${prompt}, after ${JSON.stringify(this.#output)}`, prompted, { timeoutMs: 60_000 });
    await this.#keys.write(new TextEncoder().encode(`${line}\r`));
  }

  /** Waits for its end. @returns all that the terminal has shown. */
  async ended(): Promise<{ readonly code: number; readonly output: string }> {
    const { code } = await this.#child.status;
    await this.#read;
    return { code, output: this.#output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keys.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch (thrown) {
      if (!(thrown instanceof TypeError || thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
    await this.#child.status;
    await this.#read;
  }

  async #collect(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) this.#output += text;
  }
}

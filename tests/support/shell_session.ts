/**
 * One bash in which the commands of a page run one behind the other, as a person types them into one terminal.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { dirname, join } from "node:path";
import { run } from "./processes.ts";

/** Options of a {@linkcode ShellSession}. */
export interface ShellSessionOptions {
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds that one command may take. */
  readonly timeoutMs?: number;
}

/** The end of a command. */
export interface ShellResult {
  /** Of the first command of a block that failed; 0 if none did. */
  readonly status: number;
  /** stdout and stderr in the order of arrival. */
  readonly output: string;
}

/** See the module. Disposing of it ends the shell with all that it has started. */
export class ShellSession implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #timeoutMs: number;
  #read = "";

  constructor({ cwd, env, timeoutMs = 120_000 }: ShellSessionOptions) {
    // A group of processes of its own, so that the end of the test ends a server in the background too.
    this.#child = new Deno.Command("setsid", {
      args: ["--wait", "bash", "--norc"],
      cwd,
      clearEnv: true,
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#timeoutMs = timeoutMs;
  }

  /** Runs a block of commands. @param stdin a file; nothing by default. */
  async run(commands: string, stdin = "/dev/null"): Promise<ShellResult> {
    const mark = `end-of-${crypto.randomUUID()}`;
    const script = [
      "exec 2>&1; failed=0; trap 'failed=${failed/#0/$?}' ERR",
      `{\n${commands}\n} < '${stdin}'`,
      `printf '${mark} %s\\n' "$failed"\n`,
    ];
    await this.#input.write(new TextEncoder().encode(script.join("\n")));
    const end = new RegExp(`${mark} (\\d+)\n`);
    for (;;) {
      const found = end.exec(this.#read);
      if (found !== null) {
        const output = this.#read.slice(0, found.index);
        this.#read = this.#read.slice(found.index + found[0].length);
        return { status: Number(found[1]), output };
      }
      await this.#readMore(commands);
    }
  }

  /** Runs a block of which every command must succeed. @returns its output. */
  async ok(commands: string): Promise<string> {
    const { status, output } = await this.run(commands);
    equal(status, 0, `${commands}\n${output}`);
    return output;
  }

  async #readMore(commands: string): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `This did not end within ${this.#timeoutMs} ms: ${commands}\n${this.#read}`;
      timer = setTimeout(() => reject(new Error(message)), this.#timeoutMs);
    });
    try {
      const { done, value = "" } = await Promise.race([this.#output.read(), late]);
      if (done) throw new Error(`The shell has ended in: ${commands}\n${this.#read}`);
      this.#read += value;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(this.#child.pid)]);
    const group = Number(stdout.trim()) || this.#child.pid;
    await run("kill", ["--", `-${group}`]);
    await this.#child.status;
    await this.#output.cancel().catch(() => {});
  }
}

/** A folder below those in which the programs may write: `/run`, or that of the user's session. */
export async function inRunFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const prefix = "trousseau-page-";
  const folder = await Deno.makeTempDir({ dir: "/run", prefix }).catch((thrown) => {
    const session = Deno.env.get("XDG_RUNTIME_DIR");
    if (session === undefined) throw thrown;
    return Deno.makeTempDir({ dir: session, prefix });
  });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The environment of a person with a home folder of his own, and with the programs that are staged in `bin`. */
export function environmentOf(folder: string, home: string): Record<string, string> {
  Deno.mkdirSync(join(folder, home), { recursive: true });
  return {
    PATH: `${folder}/bin:${dirname(Deno.execPath())}:${Deno.env.get("PATH") ?? ""}`,
    HOME: join(folder, home),
    DENO_DIR: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "/root", ".cache/deno"),
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
  };
}

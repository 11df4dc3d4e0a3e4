/**
 * Looks at the arguments and the environment of every process, and at files for temporary data, over and over.
 *
 * As a program, `process_watch.ts FOLDER…` does so until its standard input ends, and prints each content that it has
 * seen once, as a line of JSON. It takes no value to look for: that would be one in its own arguments.
 *
 * @module
 */
import { join } from "node:path";
import type { Entry } from "./etcd.ts";

/** Bytes of a file that are read. */
const maxFile = 1 << 20;

/** A running program. */
export class ProcessWatch {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = child.output();
  }

  /** Starts it. It needs every permission: with fewer, Deno reads nothing below `/proc`. */
  static start(...folders: readonly string[]): ProcessWatch {
    const args = ["run", "-A", "--no-config", "--no-lock", "--no-check", "--quiet", import.meta.filename ?? ""];
    const streams = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
    return new ProcessWatch(new Deno.Command(Deno.execPath(), { args: [...args, ...folders], ...streams }).spawn());
  }

  /** Ends it. @returns what it has seen: `cmdline PID`, `environ PID` or the path of a file. */
  async seen(): Promise<Entry[]> {
    await this.#child.stdin.close();
    const { success, stdout } = await this.#output;
    if (!success) throw new Error("The watch of processes has failed.");
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    return lines.map((line) => {
      const { key, value }: { key: string; value: string } = JSON.parse(line);
      return { key, value: new Uint8Array(Buffer.from(value, "base64")) };
    });
  }
}

/** Collects contents once each. */
class Contents {
  readonly #seen = new Map<string, string>();

  read(key: string, path: string): void {
    try {
      const bytes = Deno.readFileSync(path);
      if (bytes.length === 0) return;
      const value = Buffer.from(bytes.subarray(0, maxFile)).toString("base64");
      if (!this.#seen.has(value)) this.#seen.set(value, key);
    } catch {
      // The process has ended, or the file is gone.
    }
  }

  *lines(): Generator<string> {
    for (const [value, key] of this.#seen) yield `${JSON.stringify({ key, value })}\n`;
  }
}

function look(into: Contents, folders: readonly string[]): void {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    for (const part of ["cmdline", "environ"]) into.read(`${part} ${name}`, `/proc/${name}/${part}`);
  }
  for (const folder of folders) files(into, folder);
}

function files(into: Contents, folder: string): void {
  try {
    for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
      const path = join(folder, name);
      if (isDirectory) files(into, path);
      else if (isFile) into.read(path, path);
    }
  } catch {
    // The folder is gone.
  }
}

if (import.meta.main) {
  const contents = new Contents();
  const state = { ended: false };
  const watchEnd = async () => {
    for await (const _ of Deno.stdin.readable);
    state.ended = true;
  };
  const ending = watchEnd();
  while (!state.ended) {
    look(contents, Deno.args);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await ending;
  for (const line of contents.lines()) await Deno.stdout.write(new TextEncoder().encode(line));
}

/**
 * Programs that a test starts, watches and ends.
 *
 * @module
 */

/** Options of a program. */
export interface ProcessOptions {
  /** Its name in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Its whole environment besides `PATH` and `HOME`. */
  readonly env?: Readonly<Record<string, string>>;
}

// Characters of output: the maximum that is kept for tests that read a log, and the part that a failing test prints.
const keptOutput = 4 << 20;
const shownOutput = 4000;

/** A started program. Disposing of it ends it by SIGTERM, then by SIGKILL. */
export class Process implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the program has ended and its output is read. */
  readonly exited: Promise<Deno.CommandStatus>;
  /** Its exit status; `undefined` while it runs. */
  status: Deno.CommandStatus | undefined;
  readonly #child: Deno.ChildProcess;
  #output = "";

  constructor({ name, command, args, cwd, env = {} }: ProcessOptions) {
    const inherited = Object.fromEntries(["PATH", "HOME"].map((key) => [key, Deno.env.get(key) ?? ""]));
    this.name = name;
    this.#child = new Deno.Command(command, {
      args: [...args],
      clearEnv: true,
      env: { ...inherited, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(cwd === undefined ? {} : { cwd }),
    }).spawn();
    this.pid = this.#child.pid;
    const read = Promise.all([this.#collect(this.#child.stdout), this.#collect(this.#child.stderr)]);
    this.exited = this.#child.status.then(async (status) => {
      this.status = status;
      await read;
      return status;
    });
  }

  /** Its output so far, stdout and stderr in the order of arrival; only the end of a very long one. */
  get output(): string {
    return this.#output;
  }

  /** The end of its output, for the message of a failure. */
  get tail(): string {
    return `${this.name} printed last:\n${this.#output.slice(-shownOutput)}`;
  }

  /** Waits until its output matches: a line may come after the event that it is about. */
  async prints(pattern: RegExp): Promise<void> {
    await waitFor(String(pattern), () => pattern.test(this.#output), {
      timeoutMs: leastWait,
      everyMs: 20,
      alive: [this],
    });
  }

  /** Sends a signal, unless the program has ended. */
  signal(signal: Deno.Signal): void {
    if (this.status !== undefined) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
    }
  }

  /** Suspends it until SIGCONT. Resolves when all of its threads have stopped. */
  async freeze(): Promise<void> {
    this.signal("SIGSTOP");
    const states = ["-c", `cat /proc/${this.pid}/task/*/stat`];
    await waitFor(`${this.name} to stop`, async () => {
      const { stdout } = await run("/bin/sh", states);
      // The name in parentheses can hold any characters.
      return stdout.trimEnd().split("\n").every((line) => line.slice(line.lastIndexOf(")")).startsWith(") T"));
    }, { timeoutMs: 10_000, everyMs: 5, alive: [this] });
  }

  /** Ends it by SIGKILL, as a crash would. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }

  /** Ends it by SIGTERM, and by SIGKILL after `graceMs` milliseconds. */
  async stop(graceMs = 15_000): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#output = (this.#output + text).slice(-keptOutput);
    }
  }
}

/** The shortest wait for an expected event, in milliseconds: four times as long as the shortest that a test names. */
const leastWait = 20_000;

/** Options of {@linkcode waitFor}. */
export interface WaitOptions {
  /** Milliseconds. Values below 20,000 count as 20,000: on a busy machine an event can take twenty seconds. */
  readonly timeoutMs: number;
  /** Whether `timeoutMs` is a bound that the test checks. Then it applies as it is. */
  readonly exactly?: boolean;
  /** Milliseconds between two tries; 100 if left out. */
  readonly everyMs?: number;
  /** Programs that the condition depends on. Waiting fails when one of them ends. */
  readonly alive?: readonly Process[];
}

/**
 * Calls `attempt` until it succeeds.
 *
 * @param what the awaited event, as the end of "Waited 30 s for …".
 * @param attempt returns `undefined` or `false`, or throws, until the event has occurred.
 * @returns the result of `attempt`, and the elapsed milliseconds.
 * @throws {Error} after the timeout or when a program died, with its last output and the last failure.
 */
export async function waitFor<T>(
  what: string,
  attempt: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs, exactly = false, everyMs = 100, alive = [] }: WaitOptions,
): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  let failure: unknown;
  for (;;) {
    try {
      const value = await attempt();
      if (value !== undefined && value !== false) return { value, ms: performance.now() - start };
    } catch (error) {
      failure = error;
    }
    const dead = alive.find((process) => process.status !== undefined);
    const ms = performance.now() - start;
    if (dead !== undefined || ms > (exactly ? timeoutMs : Math.max(timeoutMs, leastWait))) {
      const why = dead === undefined ? `Waited ${(ms / 1000).toFixed(1)} s for ${what}` : `${dead.name} ended`;
      throw new Error([`${why}; waiting for ${what}.`, ...alive.map((one) => one.tail)].join("\n"), { cause: failure });
    }
    await pause(everyMs);
  }
}

/** Waits for `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A free port on loopback. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: {
    readonly stdin?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
    readonly clearEnv?: boolean;
  } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { stdin, ...rest } = options;
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...rest,
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    // A program that ends before it has read its whole input breaks the pipe. Its exit status shows whether it failed.
    await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
    await writer.close().catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

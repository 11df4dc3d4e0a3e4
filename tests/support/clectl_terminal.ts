/**
 * A terminal for the commands of `clectl`.
 *
 * @module
 */
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import { parsedHere } from "../../lib/cli/clectl/import/isolated.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import type { ClectlTerminal } from "../../lib/cli/clectl/terminal.ts";
import type { ExitStatus } from "../../lib/cli/exit_codes.ts";
import { run } from "../../lib/cli/run.ts";
import type { Output } from "../../lib/cli/terminal.ts";

/** Options of the terminal. */
export interface ClectlTerminalOptions {
  readonly variables?: Readonly<Record<string, string>>;
  /** Standard input as a pipe. */
  readonly stdin?: string | Uint8Array;
  /** The lines that a person types; standard input is then a terminal. */
  readonly typed?: readonly string[];
  /** Whether standard output is a terminal. */
  readonly showsOutput?: boolean;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Receives all of standard output so far, after each write. */
  readonly onOutput?: (out: string) => void;
}

/** The end of a command. */
export interface Ran {
  readonly status: ExitStatus;
  readonly out: string;
  readonly err: string;
}

/** A {@linkcode ClectlTerminal} and its output. */
export interface FakeClectlTerminal extends ClectlTerminal {
  readonly out: () => string;
  readonly err: () => string;
}

/** Makes a terminal. */
export function clectlTerminal(options: ClectlTerminalOptions = {}): FakeClectlTerminal {
  const [out, err]: [Uint8Array[], string[]] = [[], []];
  const encode = (text: string) => new TextEncoder().encode(text);
  const isTerminal = options.typed !== undefined;
  const chunks = isTerminal
    ? options.typed.map((line) => encode(`${line}\n`))
    : [typeof options.stdin === "string" ? encode(options.stdin) : options.stdin ?? new Uint8Array()];
  const shown = () => out.map((bytes) => new TextDecoder().decode(bytes)).join("");
  const writeBytes = (bytes: Uint8Array) => {
    out.push(bytes);
    options.onOutput?.(shown());
  };
  const stdout: Output = { isTerminal: options.showsOutput ?? false, write: (text) => writeBytes(encode(text)) };
  return {
    stdout,
    stderr: { isTerminal, write: (text) => void err.push(text) },
    signal: options.signal ?? new AbortController().signal,
    clock: options.clock ?? systemClock,
    environment: { get: (name) => options.variables?.[name] || undefined },
    input: {
      isTerminal,
      setRaw() {},
      read(into) {
        const chunk = chunks[0];
        if (chunk === undefined || chunk.length === 0) return Promise.resolve(null);
        const part = chunk.subarray(0, into.length);
        into.set(part);
        if (part.length === chunk.length) chunks.shift();
        else chunks[0] = chunk.subarray(part.length);
        return Promise.resolve(part.length);
      },
    },
    parseImport: parsedHere,
    writeBytes: (bytes) => writeBytes(bytes.slice()),
    out: shown,
    err: () => err.join(""),
  };
}

/** Runs `clectl` with words. */
export async function runClectl(words: readonly string[], options: ClectlTerminalOptions = {}): Promise<Ran> {
  const terminal = clectlTerminal(options);
  const status = await run(words, clectl, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

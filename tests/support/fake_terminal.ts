/**
 * A terminal for tests: it keeps what is written.
 *
 * @module
 */
import { environmentFrom } from "../../lib/config/environment.ts";
import { Reloads } from "../../lib/reloads.ts";
import type { Output, Terminal } from "../../lib/cli/output.ts";

/** What a test may say about the terminal. */
export interface FakeTerminalOptions {
  readonly isTerminal?: boolean;
  readonly variables?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly reloads?: Reloads;
}

/** A {@linkcode Terminal} and what it was told. */
export interface FakeTerminal extends Terminal {
  readonly out: () => string;
  readonly err: () => string;
}

/** Makes one. */
export function fakeTerminal(options: FakeTerminalOptions = {}): FakeTerminal {
  const out: string[] = [];
  const err: string[] = [];
  const output = (into: string[]): Output => ({
    isTerminal: options.isTerminal ?? false,
    write: (text) => void into.push(text),
  });
  return {
    stdout: output(out),
    stderr: output(err),
    environment: environmentFrom((name) => options.variables?.[name]),
    signal: options.signal ?? new AbortController().signal,
    reloads: options.reloads ?? new Reloads(),
    out: () => out.join(""),
    err: () => err.join(""),
  };
}

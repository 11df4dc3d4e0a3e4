/**
 * A terminal for tests. It keeps the output.
 *
 * @module
 */
import { environmentFrom } from "../../lib/config/environment.ts";
import { defaultConfigFile } from "../../lib/config/defaults.ts";
import { type Files, realFiles } from "../../lib/config/files.ts";
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import { Reloads } from "../../lib/base/reloads.ts";
import type { Output } from "../../lib/cli/terminal.ts";
import type { Terminal } from "../../lib/cli/trousseau/terminal.ts";

/** Options of the terminal. */
export interface FakeTerminalOptions {
  readonly isTerminal?: boolean;
  readonly variables?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly reloads?: Reloads;
  /** The files of this machine if left out, with no configuration at the default place. */
  readonly files?: Files;
  /** The clock of this machine if left out. */
  readonly clock?: Clock;
}

/** A {@linkcode Terminal} and its output. */
export interface FakeTerminal extends Terminal {
  readonly out: () => string;
  readonly err: () => string;
}

/** The files of this machine without a default configuration, on which a test must not depend. */
const withoutDefault: Files = {
  ...realFiles,
  kind: (path) => path === defaultConfigFile ? Promise.resolve("absent") : realFiles.kind(path),
};

/** Makes a terminal. */
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
    files: options.files ?? withoutDefault,
    clock: options.clock ?? systemClock,
    signal: options.signal ?? new AbortController().signal,
    reloads: options.reloads ?? new Reloads(),
    out: () => out.join(""),
    err: () => err.join(""),
  };
}

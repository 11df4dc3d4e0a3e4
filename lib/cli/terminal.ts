/**
 * The terminal of a command. Everything is a parameter, so that a test runs a command in its own process and reads its
 * output.
 *
 * @module
 */

/** One of the two streams. */
export interface Output {
  /** Writes the text as it stands, all of it, before it returns. */
  write(text: string): void;
  /** Whether it is a terminal, and no file or pipe. */
  readonly isTerminal: boolean;
}

/** The streams and the stop signal that every command gets. */
export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Fires at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Writes one line, ended. */
export function line(output: Output, text = ""): void {
  output.write(`${text}\n`);
}

/** Writes a value as JSON for scripts: indented where a person looks on, one line otherwise, and always ended. */
export function json(output: Output, value: unknown): void {
  line(output, output.isTerminal ? JSON.stringify(value, null, 2) : JSON.stringify(value));
}

/** Writes a value as JSON on a line of its own, for one of many documents. */
export function jsonLine(output: Output, value: unknown): void {
  line(output, JSON.stringify(value));
}

/**
 * Untrusted text (a plugin's `healthz`, a KMS's name for a version) without characters that change the terminal:
 * control characters, and marks for the direction of writing.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/** The two streams of this process. */
export function processOutput(stream: {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}): Output {
  const encoder = new TextEncoder();
  const isTerminal = stream.isTerminal();
  return {
    isTerminal,
    write(text) {
      let rest = encoder.encode(text);
      try {
        while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
      } catch (thrown) {
        // The reader of a pipe can end early, as `head` does; that is no error.
        if (!(thrown instanceof Deno.errors.BrokenPipe)) throw thrown;
      }
    },
  };
}

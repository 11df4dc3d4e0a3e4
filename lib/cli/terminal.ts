/**
 * The terminal of a command. All of it is a parameter, so that a test can run a command in its own process and read its
 * output.
 *
 * @module
 */

/** An output stream. */
export interface Output {
  /** Writes the whole text unchanged before it returns. */
  write(text: string): void;
  /** Whether it is a terminal, not a file or pipe. */
  readonly isTerminal: boolean;
}

/** The streams and the stop signal of every command. */
export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Writes a line and a newline. */
export function line(output: Output, text = ""): void {
  output.write(`${text}\n`);
}

/** Writes a value as JSON and a newline: indented on a terminal, otherwise in one line. */
export function json(output: Output, value: unknown): void {
  line(output, output.isTerminal ? JSON.stringify(value, null, 2) : JSON.stringify(value));
}

/** Writes a value as JSON in one line, for output with several documents. */
export function jsonLine(output: Output, value: unknown): void {
  line(output, JSON.stringify(value));
}

/**
 * Untrusted text (a plugin's `healthz`, a KMS's name for a version) without characters that control the terminal:
 * control characters, and marks that change the writing direction.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/** An output for a stream of this process. */
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
        // The reader of a pipe can end early, as `head` does; that is not an error.
        if (!(thrown instanceof Deno.errors.BrokenPipe)) throw thrown;
      }
    },
  };
}

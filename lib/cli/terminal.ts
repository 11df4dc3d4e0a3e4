/**
 * Where commands read the terminal and write to it. Everything is handed in, so that a test runs a command in its own
 * process and reads what it said.
 *
 * @module
 */

/** One of the two streams. */
export interface Output {
  /** Writes the text as it stands, all of it, before it returns. */
  write(text: string): void;
  /** Whether somebody may be looking at it. */
  readonly isTerminal: boolean;
}

/** What every command knows of the world outside its arguments. */
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
 * Text from elsewhere (a plugin's `healthz`, a KMS's name for a version) without what a terminal would obey: control
 * characters, and the marks that turn the direction of writing.
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
        // Whoever reads may stop reading, as `head` does; that is no failure of ours.
        if (!(thrown instanceof Deno.errors.BrokenPipe)) throw thrown;
      }
    },
  };
}

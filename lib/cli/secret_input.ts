/**
 * Reads a secret from a person or a script: from a prompt without echo, or from standard input.
 *
 * @module
 */
import { orAborted } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import { UsageError } from "./command.ts";
import type { Output } from "./terminal.ts";

/** Standard input. */
export interface Input {
  readonly isTerminal: boolean;
  /** Reads up to `into.length` bytes. @returns their number; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Switches echo, line editing and signals of a terminal off (true) or on again (false). */
  setRaw(raw: boolean): void;
}

/** The parameters of {@linkcode readSecret}. */
export interface ReadSecretOptions {
  /** Written to `stderr` if standard input is a terminal. */
  readonly prompt: string;
  readonly stderr: Output;
  /** Maximum size of the secret in bytes, without the newline at its end. */
  readonly maxBytes: number;
  /** Whether a newline at the end of a file or a pipe belongs to the secret. */
  readonly keepNewline?: boolean;
  /** Aborts reading. */
  readonly signal: AbortSignal;
}

/** Bytes that are overwritten with zeros when they are disposed of. */
export class SecretBytes implements Disposable {
  readonly bytes: Uint8Array;

  /** Takes ownership of `bytes`: the caller keeps no other reference. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  [Symbol.dispose](): void {
    this.bytes.fill(0);
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("Deno.customInspect")](): string {
    return "[secret]";
  }
}

/** The standard input of this process. */
export function processInput(): Input {
  const { stdin } = Deno;
  return {
    isTerminal: stdin.isTerminal(),
    read: (into) => stdin.read(into),
    setRaw: (raw) => stdin.setRaw(raw),
  };
}

/**
 * Reads a secret. On a terminal it is one line without echo: Backspace and Ctrl-U edit it, Ctrl-C cancels. From a file
 * or a pipe it is the whole input, without one newline at its end unless `keepNewline`. It can be empty.
 *
 * @throws {UsageError} if it is too large, or was typed with a control character.
 * @throws {KmsError} `cancelled` at Ctrl-C or when the signal is aborted; the terminal has been restored before.
 */
export async function readSecret(input: Input, options: ReadSecretOptions): Promise<SecretBytes> {
  return input.isTerminal ? await readTyped(input, options) : await readToEnd(input, options);
}

async function readTyped(input: Input, { prompt, stderr, maxBytes, signal }: ReadSecretOptions): Promise<SecretBytes> {
  using line = new TypedLine(maxBytes);
  input.setRaw(true);
  try {
    // After echo is off: a key that is typed immediately would be echoed otherwise.
    stderr.write(prompt);
    await readChunks(input, signal, (byte) => line.take(byte));
    return line.finish();
  } finally {
    input.setRaw(false);
    stderr.write("\n");
  }
}

async function readToEnd(
  input: Input,
  { maxBytes, keepNewline, signal }: ReadSecretOptions,
): Promise<SecretBytes> {
  // Includes space for the newline, which is at most "\r\n".
  const buffer = new Uint8Array(maxBytes + 2);
  try {
    let length = 0;
    await readChunks(input, signal, (byte) => {
      if (length === buffer.length) throw tooLarge(maxBytes);
      buffer[length++] = byte;
      return false;
    });
    if (keepNewline !== true && buffer[length - 1] === newline) length -= buffer[length - 2] === carriageReturn ? 2 : 1;
    if (length > maxBytes) throw tooLarge(maxBytes);
    return new SecretBytes(buffer.slice(0, length));
  } finally {
    buffer.fill(0);
  }
}

/** Passes each byte to `take` until the input ends or `take` returns true. The chunks are overwritten. */
async function readChunks(input: Input, signal: AbortSignal, take: (byte: number) => boolean): Promise<void> {
  for (;;) {
    const chunk = new Uint8Array(1024);
    const reading = input.read(chunk);
    try {
      const length = await orAborted(reading, signal, "read the secret");
      if (length === null || chunk.subarray(0, length).some(take)) return;
    } finally {
      // An abandoned read can still fill the chunk.
      reading.then(() => chunk.fill(0), () => {});
    }
  }
}

const [ctrlC, ctrlD, backspace, newline, carriageReturn, ctrlU, rubout] = [3, 4, 8, 10, 13, 21, 127] as const;

/** A typed line, byte by byte. */
class TypedLine implements Disposable {
  readonly #bytes: Uint8Array;
  #length = 0;
  /** Until Ctrl-U clears the line. */
  #isTooLarge = false;
  #hasControl = false;

  constructor(maxBytes: number) {
    this.#bytes = new Uint8Array(maxBytes);
  }

  /** @returns whether the line has ended. @throws {KmsError} `cancelled` */
  take(byte: number): boolean {
    if (byte === ctrlC) throw new KmsError("cancelled", "Cannot read the secret: Ctrl-C was typed.");
    if (byte === newline || byte === carriageReturn || byte === ctrlD) return true;
    if (byte === backspace || byte === rubout) this.#removeCharacter();
    else if (byte === ctrlU) this.#clear();
    else if (byte < 0x20) this.#hasControl = true;
    else if (this.#length === this.#bytes.length) this.#isTooLarge = true;
    else this.#bytes[this.#length++] = byte;
    return false;
  }

  /** @throws {UsageError} */
  finish(): SecretBytes {
    // An arrow key sends such a character followed by letters, and none of them is visible.
    if (this.#hasControl) {
      throw new UsageError(
        "The typed secret has a control character, as that of an arrow key: type it again, or hand it over on standard input.",
      );
    }
    if (this.#isTooLarge) throw tooLarge(this.#bytes.length);
    return new SecretBytes(this.#bytes.slice(0, this.#length));
  }

  [Symbol.dispose](): void {
    this.#bytes.fill(0);
  }

  #clear(): void {
    this.#bytes.fill(0);
    this.#length = 0;
    this.#isTooLarge = false;
    this.#hasControl = false;
  }

  /** Removes the last UTF-8 character: its continuation bytes, and the byte before them. */
  #removeCharacter(): void {
    while (this.#length > 0) {
      const last = this.#bytes[--this.#length] ?? 0;
      this.#bytes[this.#length] = 0;
      if ((last & 0xc0) !== 0x80) return;
    }
  }
}

function tooLarge(maxBytes: number): UsageError {
  return new UsageError(`The secret has more than ${maxBytes} bytes.`);
}

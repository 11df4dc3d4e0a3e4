/**
 * Values that must not be seen, and where they are read from.
 *
 * @module
 */
import { KmsError } from "./errors.ts";

/** A value that prints as `[secret]` wherever it is printed. Only {@linkcode Secret.reveal} gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it where it is sent, and keep it in no variable. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both hold the same value. */
  equals(other: Secret | undefined): boolean {
    return other !== undefined && other.#value === this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("Deno.customInspect")](): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

/** A secret that is not to be had from where it comes from. */
export class UnreadableSecretError extends KmsError {
  /** The reason as the end of a sentence without its full stop; nothing of the secret is in it. */
  readonly why: string;

  /** @param description as that of a {@linkcode SecretSource}. */
  constructor(description: string, why: string, cause?: unknown) {
    super("config", `Cannot read the secret in ${description}: ${why}.`, { cause });
    this.why = why;
  }
}

/** Where a secret comes from: a file, read again at each call so that a rotated one is seen, or a variable. */
export interface SecretSource {
  /** `file /run/secrets/token` or `variable VAULT_TOKEN`: for messages. */
  readonly description: string;
  /**
   * Reads the value of now, without the white space around it.
   *
   * @throws {UnreadableSecretError} `config` if it is not there, empty, or nothing that can be a secret.
   */
  read(): Promise<Secret>;
}

/**
 * Secret values, and the sources that they are read from.
 *
 * @module
 */
import { KmsError } from "./errors.ts";

/** A value that prints, inspects and serializes as `[secret]`. Only {@linkcode Secret.reveal} returns it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call this where the value is sent, and do not keep it in a variable. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both hold the same value. Not constant-time. */
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

/** The error for a secret that cannot be read from its source. */
export class UnreadableSecretError extends KmsError {
  /** The reason as the end of a sentence without its full stop. It contains nothing of the secret. */
  readonly why: string;

  /** @param description as in {@linkcode SecretSource} */
  constructor(description: string, why: string, cause?: unknown) {
    super("config", `Cannot read the secret in ${description}: ${why}.`, { cause });
    this.why = why;
  }
}

/**
 * Source of a secret: a file, read again at each call so that a rotated secret is noticed, or an environment variable.
 */
export interface SecretSource {
  /** For messages: `file /run/secrets/token` or `variable VAULT_TOKEN`. */
  readonly description: string;
  /**
   * Reads the current value, without surrounding white space.
   *
   * @throws {UnreadableSecretError} `config` if it is absent, empty or cannot be a secret.
   */
  read(): Promise<Secret>;
}

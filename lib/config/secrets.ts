/**
 * Sources of secrets.
 *
 * @module
 */
import { readSecretFile, whyNoSecret } from "../base/credential_file.ts";
import { whyUnreadable } from "../base/durable_file.ts";
import { Secret, type SecretSource, UnreadableSecretError } from "../base/secret.ts";
import type { Environment } from "./environment.ts";

/** Maximum size in bytes. A ServiceAccount token has about 1 KiB; a larger file is the wrong one. */
const largestSecret = 64 * 1024;

/**
 * A secret in a file, which is read at each call.
 *
 * @param path absolute.
 */
export function fileSource(path: string): SecretSource {
  const description = `file ${path}`;
  return {
    description,
    async read() {
      const text = await readSecretFile(path, largestSecret).catch((thrown) => {
        throw new UnreadableSecretError(description, whyUnreadable(thrown, path), thrown);
      });
      return new Secret(text);
    },
  };
}

/**
 * A secret in a variable that matches `secretVariablePattern`. It is read once, at this call: variables of a running
 * process do not change, and a plugin that serves has revoked its permission to read them.
 */
export function variableSource(name: string, environment: Environment): SecretSource {
  const secret = environment.secret(name);
  const why = secret === undefined ? "it is not set" : whyNoSecret(secret.reveal());
  return {
    description: `variable ${name}`,
    read() {
      return secret === undefined || why !== undefined
        ? Promise.reject(new UnreadableSecretError(`variable ${name}`, why ?? ""))
        : Promise.resolve(secret);
    },
  };
}

/** A value from the config itself, for a field that is not secret but also accepts a reference. */
export function literalSource(value: string): SecretSource {
  const secret = new Secret(value);
  return { description: "the config", read: () => Promise.resolve(secret) };
}

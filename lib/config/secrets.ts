/**
 * Where secrets are read from.
 *
 * @module
 */
import { readSecretFile, whyNoSecret } from "../base/credential_file.ts";
import { whyUnreadable } from "../base/durable_file.ts";
import { Secret, type SecretSource, UnreadableSecretError } from "../base/secret.ts";
import type { Environment } from "./environment.ts";

/** In bytes. A ServiceAccount's token is about 1 KiB; what is larger is another file than was meant. */
const largestSecret = 64 * 1024;

/**
 * A secret in a file, read again at each call.
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
 * A secret in a variable that fits `secretVariablePattern`. It is read now and kept: a variable of this process cannot
 * change, and once the plugin serves it gives up the environment.
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

/** A value that stands in the config itself, for what is not secret but may also be referred to. */
export function literalSource(value: string): SecretSource {
  const secret = new Secret(value);
  return { description: "the config", read: () => Promise.resolve(secret) };
}

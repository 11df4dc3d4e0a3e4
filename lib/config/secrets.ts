/**
 * Where secrets are read from.
 *
 * @module
 */
import { utf8Text } from "../bytes.ts";
import { readRegularFile, whyUnreadable } from "../durable_file.ts";
import { KmsError } from "../errors.ts";
import { Secret, type SecretSource } from "../secret.ts";
import type { Environment } from "./environment.ts";

/** In bytes. A ServiceAccount's token is about 1 KiB; what is larger is another file than was meant. */
const largestSecret = 64 * 1024;

// A line break or another control character would end the HTTP header that the secret is sent in.
// deno-lint-ignore no-control-regex
const controlCharacter = /[\u0000-\u001f\u007f]/;

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
      const text = utf8Text(await readBounded(path))?.trim();
      if (text === undefined) throw unreadable(path, "it is not UTF-8 text");
      if (text === "") throw unreadable(path, "it is empty");
      if (controlCharacter.test(text)) throw unreadable(path, "it holds more than one line, or control characters");
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
  return {
    description: `variable ${name}`,
    read() {
      return secret === undefined
        ? Promise.reject(new KmsError("config", `Cannot read the secret in variable ${name}: it is not set.`))
        : Promise.resolve(secret);
    },
  };
}

/** A value that stands in the config itself, for what is not secret but may also be referred to. */
export function literalSource(value: string): SecretSource {
  const secret = new Secret(value);
  return { description: "the config", read: () => Promise.resolve(secret) };
}

async function readBounded(path: string): Promise<Uint8Array> {
  return await readRegularFile(path, largestSecret).catch((thrown) => {
    throw unreadable(path, whyUnreadable(thrown, path), thrown);
  });
}

function unreadable(path: string, why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot read the secret in file ${path}: ${why}.`, { cause });
}

/**
 * Makes the fields of a secret from a specification.
 *
 * @module
 */
import { fieldNamePattern, type SecretField } from "../../../api/keyring/fields.ts";
import { publicKeySuffix } from "../../../api/keyring/generator_limits.ts";
import type { GeneratorSpec } from "../../../api/keyring/generators.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { base64, base64url, hex, utf8 } from "../../../base/bytes.ts";
import { generateKeyPairText, type KeyPairSpec } from "./key_pairs.ts";
import { generatePassphrase } from "./passphrase.ts";
import { generatePassword } from "./password.ts";

/** Generated fields. */
export interface Generated {
  /** One field; of a key pair two, the private key first. */
  readonly fields: readonly SecretField[];
  /**
   * The binary logarithm of the number of equally probable values; for key pairs the security strength, since their
   * private keys are not attacked by guessing.
   */
  readonly bits: number;
}

/**
 * Generates values from the runtime's cryptographic generator.
 *
 * @param name of the field; the public key of a pair gets this name with `_public` behind it.
 * @throws {KeyringError} `request_invalid` if a name is no field name.
 */
export async function generate(spec: GeneratorSpec, name: string): Promise<Generated> {
  checkName(name);
  switch (spec.kind) {
    case "password":
      return oneText(name, generatePassword(spec));
    case "passphrase":
      return oneText(name, await generatePassphrase(spec));
    case "bytes":
      return randomBytesField(spec, name);
    case "uuid":
      // Six of its 128 bits are the version and the variant.
      return oneText(name, { text: crypto.randomUUID(), bits: 122 });
    case "ed25519":
    case "x25519":
    case "rsa":
      return await keyPairFields(spec, name);
  }
}

function checkName(name: string): void {
  if (fieldNamePattern.test(name)) return;
  const shown = JSON.stringify(name.slice(0, 200));
  throw new KeyringError(
    "request_invalid",
    `Cannot generate the field ${shown}: its name is not 1 to 128 letters, digits, "_", "-" and ".".`,
  );
}

function oneText(name: string, { text, bits }: { readonly text: string; readonly bits: number }): Generated {
  return { fields: [textField(name, text)], bits };
}

function textField(name: string, text: string): SecretField {
  return { name, kind: "text", value: utf8(text) };
}

const encoders = { hex, base64, base64url } as const;

function randomBytesField({ size, encoding }: Extract<GeneratorSpec, { kind: "bytes" }>, name: string): Generated {
  const value = crypto.getRandomValues(new Uint8Array(size));
  const bits = 8 * size;
  if (encoding === "raw") return { fields: [{ name, kind: "bytes", value }], bits };
  const text = encoders[encoding](value);
  value.fill(0);
  return oneText(name, { text, bits });
}

async function keyPairFields(spec: KeyPairSpec, name: string): Promise<Generated> {
  const publicName = `${name}${publicKeySuffix}`;
  checkName(publicName);
  const { privateKey, publicKey, bits } = await generateKeyPairText(spec);
  return { fields: [textField(name, privateKey), textField(publicName, publicKey)], bits };
}

/**
 * OpenSSH's formats of keys: public keys as in RFC 4253, section 6.6, and RFC 8709, section 4; private keys as in the file
 * `PROTOCOL.key` of OpenSSH, unencrypted.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { base64, concat, fromBase64url, utf8 } from "../../../base/bytes.ts";

/** A key pair as two files, each with a line feed at its end. */
export interface OpensshKeyPair {
  /** For `~/.ssh/id_…`. */
  readonly privateKey: string;
  /** For `authorized_keys` and `~/.ssh/id_….pub`: type, base64, comment. */
  readonly publicKey: string;
}

/** The parts of a key in the order of both formats. */
interface KeyParts {
  readonly type: "ssh-ed25519" | "ssh-rsa";
  readonly publicParts: readonly Uint8Array[];
  readonly privateParts: readonly Uint8Array[];
}

/** Block size of the cipher `none`. */
const blockBytes = 8;

/** Characters in a line of base64, as ssh-keygen writes it. */
const lineLength = 70;

/**
 * @param key a private Ed25519 or RSA key.
 * @param comment one line, possibly empty.
 */
export function opensshKeyPair(key: KeyObject, comment: string): OpensshKeyPair {
  const parts = key.asymmetricKeyType === "rsa" ? rsaParts(key) : ed25519Parts(key);
  const blob = concat(text(parts.type), ...parts.publicParts);
  return {
    privateKey: armored(privateFile(parts, blob, comment)),
    publicKey: `${[parts.type, base64(blob), comment].filter((word) => word !== "").join(" ")}\n`,
  };
}

function ed25519Parts(key: KeyObject): KeyParts {
  const { x, d } = key.export({ format: "jwk" });
  const [point, seed] = [member(x), member(d)];
  return {
    type: "ssh-ed25519",
    publicParts: [field(point)],
    privateParts: [field(point), field(concat(seed, point))],
  };
}

function rsaParts(key: KeyObject): KeyParts {
  const { n, e, d, qi, p, q } = key.export({ format: "jwk" });
  return {
    type: "ssh-rsa",
    publicParts: [e, n].map(mpint),
    privateParts: [n, e, d, qi, p, q].map(mpint),
  };
}

function privateFile({ type, privateParts }: KeyParts, blob: Uint8Array, comment: string): Uint8Array {
  // Two equal numbers tell a reader of an encrypted file that its passphrase is right.
  const check = crypto.getRandomValues(new Uint8Array(4));
  const section = concat(check, check, text(type), ...privateParts, text(comment));
  const padding = Uint8Array.from({ length: -section.length & (blockBytes - 1) }, (_, at) => at + 1);
  return concat(
    utf8("openssh-key-v1\0"),
    text("none"), // cipher
    text("none"), // key derivation
    text(""), // its options
    uint32(1), // number of keys
    field(blob),
    field(concat(section, padding)),
  );
}

function armored(bytes: Uint8Array): string {
  const lines = base64(bytes).match(new RegExp(`.{1,${lineLength}}`, "g")) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");
}

/** RFC 4251, section 5: `string`. */
function field(bytes: Uint8Array): Uint8Array {
  return concat(uint32(bytes.length), bytes);
}

function text(value: string): Uint8Array {
  return field(utf8(value));
}

/** RFC 4251, section 5: `mpint`, of a number that a JSON Web Key has: unsigned, so that a first bit of 1 needs a zero byte. */
function mpint(encoded: string | undefined): Uint8Array {
  const bytes = member(encoded);
  const from = bytes.findIndex((byte) => byte !== 0);
  const magnitude = bytes.subarray(from < 0 ? bytes.length : from);
  return field((magnitude[0] ?? 0) < 128 ? magnitude : concat(Uint8Array.of(0), magnitude));
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function member(encoded: string | undefined): Uint8Array {
  const bytes = encoded === undefined ? undefined : fromBase64url(encoded);
  if (bytes === undefined) throw new TypeError("a member of the JSON Web Key is missing");
  return bytes;
}

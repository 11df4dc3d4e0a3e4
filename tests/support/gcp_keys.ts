/**
 * The keys of a double of Google Cloud KMS: AES-256-GCM, with the version inside the ciphertext, as in the real service,
 * which uses another format.
 *
 * Written from "Key states", the REST reference of `projects.locations.keyRings.cryptoKeys` and "Verifying end-to-end data
 * integrity".
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** An answer: a status and a JSON body. */
export interface GcpReply {
  readonly status: number;
  readonly body: unknown;
}

/** The states of a version that the tests use. */
export type VersionState = "ENABLED" | "DISABLED" | "DESTROY_SCHEDULED" | "DESTROYED" | "PENDING_GENERATION";

interface Version {
  readonly number: number;
  /** 36 bytes at the start of its ciphertexts. */
  readonly mark: Buffer;
  readonly secret: Buffer;
  state: VersionState;
}

interface Key {
  readonly versions: Version[];
  readonly purpose: string;
  primary: number;
}

const head = Buffer.of(0x0a, 36);
const nonceLength = 12;
const tagLength = 16;

/** The keys of one project. The name of a deleted key cannot be used again. */
export class GcpKeys {
  protectionLevel = "SOFTWARE";
  /** Number of versions on a page of their list. */
  pageSize = 100;
  readonly #keys = new Map<string, Key>();
  readonly #retired = new Set<string>();

  /** Makes a key with one version. */
  create(name: string, purpose = "ENCRYPT_DECRYPT"): void {
    if (this.#retired.has(name)) throw new Error(`${name} is the name of a deleted key`);
    this.#keys.set(name, { versions: [], purpose, primary: 1 });
    this.addVersion(name);
  }

  /** A new version, which `rotate` makes the primary one. */
  addVersion(name: string): number {
    const key = this.#key(name);
    const number = key.versions.length + 1;
    key.versions.push({ number, mark: randomBytes(36), secret: randomBytes(32), state: "ENABLED" });
    return number;
  }

  rotate(name: string): number {
    return this.#key(name).primary = this.addVersion(name);
  }

  setPrimary(name: string, number: number): void {
    this.#key(name).primary = number;
  }

  /** Sets the state of a version; of the primary one if left out. */
  setState(name: string, state: VersionState, number = this.#key(name).primary): void {
    const version = this.#key(name).versions.find((one) => one.number === number);
    if (version !== undefined) version.state = state;
  }

  /** Destroys all versions and deletes the key, which Google has permitted since 2025. */
  delete(name: string): void {
    this.#keys.delete(name);
    this.#retired.add(name);
  }

  primaryName(name: string): string {
    return `${name}/cryptoKeyVersions/${this.#key(name).primary}`;
  }

  /** `:encrypt` of a key or a version. */
  encrypt(name: string, body: Readonly<Record<string, unknown>>): GcpReply {
    const [, keyName = "", number] = /^(.+?)(?:\/cryptoKeyVersions\/(\d+))?$/.exec(name) ?? [];
    const key = this.#keys.get(keyName);
    const version = key?.versions.find((one) => one.number === Number(number ?? key.primary));
    if (key === undefined || version === undefined) return notFound(name);
    const full = `${keyName}/cryptoKeyVersions/${version.number}`;
    if (key.purpose !== "ENCRYPT_DECRYPT") {
      return failure(400, "INVALID_ARGUMENT", `${full} is not a valid resource type for this request.`);
    }
    if (version.state !== "ENABLED") return notEnabled(full, version.state);
    const [plaintext, bound] = [bytes(body.plaintext), bytes(body.additionalAuthenticatedData)];
    const wrong = checksumComplaint(body, { plaintext, additionalAuthenticatedData: bound });
    if (wrong !== undefined) return wrong;
    const ciphertext = seal(version, plaintext, bound);
    return {
      status: 200,
      body: {
        name: full,
        ciphertext: ciphertext.toString("base64"),
        ciphertextCrc32c: `${castagnoli(ciphertext)}`,
        // ProtoJSON leaves out values of `false`.
        ...(body.plaintextCrc32c === undefined ? {} : { verifiedPlaintextCrc32c: true }),
        ...(body.additionalAuthenticatedDataCrc32c === undefined
          ? {}
          : { verifiedAdditionalAuthenticatedDataCrc32c: true }),
        protectionLevel: "SOFTWARE",
      },
    };
  }

  /** `:decrypt` of a key, by the version that made the ciphertext. */
  decrypt(name: string, body: Readonly<Record<string, unknown>>): GcpReply {
    const key = this.#keys.get(name);
    if (key === undefined) return notFound(name);
    const [ciphertext, bound] = [bytes(body.ciphertext), bytes(body.additionalAuthenticatedData)];
    const wrong = checksumComplaint(body, { ciphertext, additionalAuthenticatedData: bound });
    if (wrong !== undefined) return wrong;
    const version = key.versions.find(({ mark }) => ciphertext.subarray(0, 38).equals(Buffer.concat([head, mark])));
    if (version === undefined) {
      const message = "Decryption failed: verify that 'name' refers to the correct CryptoKey.";
      return failure(400, "INVALID_ARGUMENT", message);
    }
    if (version.state !== "ENABLED") return notEnabled(`${name}/cryptoKeyVersions/${version.number}`, version.state);
    try {
      const plaintext = open(version, ciphertext, bound);
      const usedPrimary = version.number === key.primary ? { usedPrimary: true } : {};
      const plaintextCrc32c = `${castagnoli(plaintext)}`;
      const answer = { plaintext: plaintext.toString("base64"), plaintextCrc32c, ...usedPrimary };
      return { status: 200, body: { ...answer, protectionLevel: "SOFTWARE" } };
    } catch {
      return failure(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.");
    }
  }

  /** GET of a key. */
  read(name: string): GcpReply {
    const key = this.#keys.get(name);
    if (key === undefined) return notFound(name);
    const state = key.versions.find(({ number }) => number === key.primary)?.state;
    const versionTemplate = { protectionLevel: this.protectionLevel, algorithm: "GOOGLE_SYMMETRIC_ENCRYPTION" };
    const primary = { name: this.primaryName(name), state };
    return { status: 200, body: { name, purpose: key.purpose, primary, versionTemplate } };
  }

  /** The list of a key's versions, in pages of `pageSize`. The token of a page is the index of its first version. */
  list(name: string, pageToken = 0): GcpReply {
    const key = this.#keys.get(name);
    if (key === undefined) return notFound(name);
    const cryptoKeyVersions = key.versions.slice(pageToken, pageToken + this.pageSize).map(({ number, state }) => ({
      name: `${name}/cryptoKeyVersions/${number}`,
      state,
      ...(state === "DESTROY_SCHEDULED" ? { destroyTime: "2030-01-01T00:00:00Z" } : {}),
    }));
    const next = pageToken + this.pageSize;
    const nextPageToken = next < key.versions.length ? { nextPageToken: `${next}` } : {};
    return { status: 200, body: { cryptoKeyVersions, ...nextPageToken, totalSize: key.versions.length } };
  }

  #key(name: string): Key {
    const found = this.#keys.get(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }
}

/** An error as Google's APIs write it. */
export function failure(status: number, name: string, message: string, ...details: readonly unknown[]): GcpReply {
  const more = details.length === 0 ? {} : { details };
  return { status, body: { error: { code: status, message, status: name, ...more } } };
}

/** A detail of an error, by its type in google.rpc. */
export function detail(type: string, fields: Readonly<Record<string, unknown>>): unknown {
  return { "@type": `type.googleapis.com/google.rpc.${type}`, ...fields };
}

function notFound(name: string): GcpReply {
  return failure(404, "NOT_FOUND", `${name} not found.`);
}

function notEnabled(name: string, state: VersionState): GcpReply {
  const violations = [{ type: `KEY_${state}`, subject: name }];
  const message = `${name} is not enabled, current state is: ${state}.`;
  return failure(400, "FAILED_PRECONDITION", message, detail("PreconditionFailure", { violations }));
}

function checksumComplaint(
  body: Readonly<Record<string, unknown>>,
  parts: Readonly<Record<string, Buffer>>,
): GcpReply | undefined {
  for (const [name, part] of Object.entries(parts)) {
    const told = body[`${name}Crc32c`];
    if (told === undefined || String(told) === `${castagnoli(part)}`) continue;
    return failure(400, "INVALID_ARGUMENT", `The checksum in field ${name}_crc32c did not match the data in ${name}.`);
  }
  return undefined;
}

function seal({ mark, secret }: Version, plaintext: Buffer, bound: Buffer): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv("aes-256-gcm", secret, nonce);
  cipher.setAAD(bound);
  const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([head, mark, Buffer.of(0x12, sealed.length >> 8, sealed.length & 255), sealed]);
}

function open({ secret }: Version, ciphertext: Buffer, bound: Buffer): Buffer {
  const sealed = ciphertext.subarray(41);
  if (ciphertext[38] !== 0x12 || ciphertext.readUInt16BE(39) !== sealed.length) throw new Error("no ciphertext");
  const tag = sealed.subarray(sealed.length - tagLength);
  const decipher = createDecipheriv("aes-256-gcm", secret, sealed.subarray(0, nonceLength));
  decipher.setAAD(bound);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed.subarray(nonceLength, sealed.length - tagLength)), decipher.final()]);
}

function bytes(text: unknown): Buffer {
  return Buffer.from(typeof text === "string" ? text : "", "base64");
}

/** CRC-32C bit by bit, independent of the code under test. */
export function castagnoli(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

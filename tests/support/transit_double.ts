/**
 * A transit engine in memory, with real AES-256-GCM, for the double of Vault.
 *
 * It is written from Vault's API documentation (secret/transit). Its answers have the texts that were observed on Vault
 * 1.21: version 0 of a ciphertext counts as 1, base64 is decoded leniently, and one invalid item makes the status of a
 * batch 400, except for `rewrap`.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";

/** An answer before it is encoded. */
export interface DoubleAnswer {
  readonly status: number;
  readonly body?: unknown;
}

interface TransitKey {
  /** The key of each version, and its creation time in seconds since the epoch. */
  readonly versions: Map<number, { readonly material: Uint8Array; readonly createdAt: number }>;
  latest: number;
  minDecryption: number;
  minEncryption: number;
}

type Item = Readonly<Record<string, unknown>>;

/** The keys of one mount. */
export class TransitDouble {
  readonly #keys = new Map<string, TransitKey>();
  readonly #now: () => number;

  /** @param now returns seconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  create(name: string): void {
    this.#keys.set(name, { versions: new Map(), latest: 0, minDecryption: 1, minEncryption: 0 });
    this.rotate(name);
  }

  rotate(name: string): void {
    const key = this.#key(name);
    key.latest++;
    key.versions.set(key.latest, { material: randomBytes(32), createdAt: this.#now() });
  }

  configure(name: string, limits: { readonly minDecryption?: number; readonly minEncryption?: number }): void {
    Object.assign(this.#key(name), limits);
  }

  /** @returns a function that sets a key back to its present state, as the restore of a snapshot does. */
  backUp(name: string): () => void {
    const key = this.#key(name);
    const kept = { ...key, versions: new Map(key.versions) };
    return () => void this.#keys.set(name, { ...kept, versions: new Map(kept.versions) });
  }

  delete(name: string): void {
    this.#keys.delete(name);
  }

  has(name: string): boolean {
    return this.#keys.has(name);
  }

  latest(name: string): number {
    return this.#key(name).latest;
  }

  /** `GET <mount>/keys/<name>`. */
  read(name: string): DoubleAnswer {
    const key = this.#keys.get(name);
    if (key === undefined) return { status: 404, body: { errors: [] } };
    const usable = [...key.versions].filter(([version]) => version >= key.minDecryption);
    return answered({
      keys: Object.fromEntries(usable.map(([version, { createdAt }]) => [version, createdAt])),
      latest_version: key.latest,
      min_available_version: 0,
      min_decryption_version: key.minDecryption,
      min_encryption_version: key.minEncryption,
      name,
      type: "aes256-gcm96",
      derived: false,
      exportable: false,
      deletion_allowed: false,
      supports_encryption: true,
      supports_decryption: true,
    });
  }

  /** `POST <mount>/<verb>/<name>`, with one item or a `batch_input`. */
  use(verb: "encrypt" | "decrypt" | "rewrap", name: string, body: Item): DoubleAnswer {
    const key = this.#keys.get(name);
    if (key === undefined) return refused("encryption key not found");
    const work = { encrypt, decrypt, rewrap }[verb];
    const batch = body.batch_input;
    if (batch === undefined) {
      const result = work(key, body);
      return typeof result === "string" ? refused(result) : answered(result);
    }
    if (!Array.isArray(batch) || batch.length === 0) return refused("missing batch input to process");
    const results = batch.map((item: Item) => {
      const result = work(key, item);
      const empty = verb === "decrypt" ? { plaintext: "" } : {};
      return {
        ...(typeof result === "string" ? { ...empty, error: result } : result),
        reference: item.reference ?? "",
      };
    });
    const failed = verb !== "rewrap" && results.some((result) => "error" in result);
    return { ...answered({ batch_results: results }), status: failed ? 400 : 200 };
  }

  #key(name: string): TransitKey {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`the double has no key ${name}`);
    return key;
  }
}

/** The envelope that Vault puts around every answer. */
export function answered(data: unknown): DoubleAnswer {
  return { status: 200, body: { request_id: crypto.randomUUID(), lease_id: "", data, warnings: null, auth: null } };
}

/** A 400 with one reason. */
export function refused(why: string, status = 400): DoubleAnswer {
  return { status, body: { errors: [why] } };
}

/** The answer to one item: its fields, or the text of its error. */
type ItemResult = Readonly<Record<string, unknown>> | string;

function encrypt(key: TransitKey, item: Item): ItemResult {
  const plaintext = goBase64(item.plaintext);
  if (plaintext === undefined) return "illegal base64 data at input byte 0";
  const version = typeof item.key_version === "number" && item.key_version !== 0 ? item.key_version : key.latest;
  if (version > key.latest) return "requested version for encryption is higher than the latest key version";
  if (version < key.minEncryption) {
    return "requested version for encryption is less than the minimum encryption key version";
  }
  const material = version < key.minDecryption ? undefined : key.versions.get(version)?.material;
  if (material === undefined) return "no such key version";
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", material, nonce);
  const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return { ciphertext: `vault:v${version}:${sealed.toString("base64")}`, key_version: version };
}

function decrypt(key: TransitKey, item: Item): ItemResult {
  const opened = open(key, item.ciphertext);
  return typeof opened === "string" ? opened : { plaintext: opened.toString("base64") };
}

function rewrap(key: TransitKey, item: Item): ItemResult {
  const opened = open(key, item.ciphertext);
  return typeof opened === "string" ? opened : encrypt(key, { ...item, plaintext: opened.toString("base64") });
}

function open(key: TransitKey, ciphertext: unknown): Buffer | string {
  if (typeof ciphertext !== "string" || ciphertext === "") return "missing ciphertext to decrypt";
  if (!ciphertext.startsWith("vault:v")) return "invalid ciphertext: no prefix";
  const colon = ciphertext.indexOf(":", 7);
  if (colon < 0) return "invalid ciphertext: wrong number of fields";
  const digits = ciphertext.slice(7, colon);
  if (!/^[+-]?\d+$/.test(digits)) return "invalid ciphertext: version number could not be decoded";
  const version = Number(digits) === 0 ? 1 : Number(digits);
  if (version > key.latest) return "invalid ciphertext: version is too new";
  if (version < key.minDecryption) return "ciphertext or signature version is disallowed by policy (too old)";
  const sealed = goBase64(ciphertext.slice(colon + 1));
  if (sealed === undefined) return "invalid ciphertext: could not decode base64";
  if (sealed.length < 12) return "invalid ciphertext length";
  return openSealed(key.versions.get(version)?.material ?? new Uint8Array(32), sealed);
}

function openSealed(material: Uint8Array, sealed: Buffer): Buffer | string {
  const failed = "cipher: message authentication failed";
  const tagAt = sealed.length - 16;
  if (tagAt < 12) return failed;
  const decipher = createDecipheriv("aes-256-gcm", material, sealed.subarray(0, 12), { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(tagAt));
  const opened = decipher.update(sealed.subarray(12, tagAt));
  try {
    return Buffer.concat([opened, decipher.final()]);
  } catch {
    return failed;
  }
}

/** Decodes as Go's `base64.StdEncoding`: line breaks are skipped, and surplus bits at the end are ignored. */
function goBase64(text: unknown): Buffer | undefined {
  if (typeof text !== "string") return undefined;
  const joined = text.replace(/[\r\n]/g, "");
  return joined.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(joined) ? Buffer.from(joined, "base64") : undefined;
}

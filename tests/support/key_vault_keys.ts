/**
 * The keys of a double of Azure Key Vault: versions, attributes, and real RSA and AES-KW.
 *
 * Written from Key Vault's REST reference ("Keys", API 7.4) and "Key types, algorithms, and operations".
 *
 * @module
 */
import {
  constants,
  createHash,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { promisify } from "node:util";

/** An answer: a status and a JSON body. */
export interface VaultReply {
  readonly status: number;
  readonly body: unknown;
}

/** The attributes of a version that can be changed. Times are in seconds since the epoch. */
export interface Attributes {
  enabled: boolean;
  exp?: number;
  nbf?: number;
  exportable?: boolean;
}

interface Version extends Attributes {
  readonly id: string;
  readonly created: number;
  readonly type: VaultKeyType;
  readonly operations: readonly string[];
  readonly material: Material;
}

type Material = { readonly rsa: KeyObject; readonly public: KeyObject } | { readonly aes: CryptoKey };

/** The supported types of keys. */
export type VaultKeyType = "RSA" | "RSA-HSM" | "oct-HSM" | "EC";

const everyOperation = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"];

const generate = promisify(generateKeyPair);
/** Generating RSA keys is slow: a few are made once, and each new version of a key uses the next one. */
const rsaKeys: Promise<{ readonly rsa: KeyObject; readonly public: KeyObject }>[] = [];

function rsaKey(at: number): Promise<Material> {
  return rsaKeys[at % 5] ??= generate("rsa", { modulusLength: 2048 })
    .then(({ privateKey, publicKey }) => ({ rsa: privateKey, public: publicKey }));
}

/** The keys of one vault. Names are not case-sensitive. */
export class VaultKeys {
  readonly #origin: string;
  readonly #now: () => number;
  /** The level of the whole vault. */
  recoveryLevel = "Recoverable+Purgeable";
  readonly #keys = new Map<string, Version[]>();
  readonly #deleted = new Set<string>();
  /**
   * The reason in the refusal of a key version: `code` as in the service, `text` or `none` as in emulators and proxies.
   */
  reasons: "code" | "text" | "none" = "code";
  /** Whether a disabled version can be read. */
  readsDisabled = true;
  #made = 0;

  constructor(origin: string, now: () => number) {
    this.#origin = origin;
    this.#now = now;
  }

  /** Makes a key, or a new version of it. */
  async create(
    name: string,
    type: VaultKeyType = "RSA",
    operations: readonly string[] = everyOperation,
  ): Promise<void> {
    const aes = { name: "AES-KW", length: 256 } as const;
    const material = type === "oct-HSM"
      ? { aes: await crypto.subtle.generateKey(aes, false, ["wrapKey", "unwrapKey"]) }
      : await rsaKey(this.#made++);
    const version = {
      id: randomBytes(16).toString("hex"),
      created: this.#now(),
      enabled: true,
      type,
      operations,
      material,
    };
    this.#keys.set(name, [...this.#keys.get(name) ?? [], version]);
    this.#deleted.delete(name);
  }

  /** The identifier of a version; `back` counts from the newest version, 0. */
  kid(name: string, back = 0): string {
    return `${this.#origin}/keys/${name}/${this.#keys.get(name)?.at(-1 - back)?.id}`;
  }

  change(name: string, attributes: Partial<Attributes>, back = 0): void {
    Object.assign(this.#keys.get(name)?.at(-1 - back) ?? {}, attributes);
  }

  /** Soft-deletes a key: it cannot be used, and its name stays reserved. */
  delete(name: string): void {
    this.#deleted.add(name);
  }

  /** Purges a deleted key. */
  purge(name: string): void {
    this.#deleted.delete(name);
    this.#keys.delete(name);
  }

  /** GET of a key or a version. A disabled or expired one can be read. */
  read(name: string, id: string): VaultReply {
    const version = this.#find(name, id);
    if (version === undefined) return notFound(name);
    if (!version.enabled && !this.readsDisabled) return this.#unusable("get", "a disabled key", "KeyDisabled");
    return { status: 200, body: this.#bundle(name, version) };
  }

  /** `create` and `rotate` over the API. */
  async make(name: string, type: VaultKeyType): Promise<VaultReply> {
    if (this.#deleted.has(name)) {
      const message = `Key ${name} is currently in a deleted but recoverable state, and its name cannot be reused`;
      return refused(409, "Conflict", message, "ObjectIsDeletedButRecoverable");
    }
    await this.create(name, type);
    return this.read(name, "");
  }

  /** The newest version's type, for `rotate`. */
  typeOf(name: string): VaultKeyType | undefined {
    return this.#find(name, "")?.type;
  }

  /** wrapkey and unwrapkey, and encrypt and decrypt, which are the same for RSA. */
  async operate(
    name: string,
    id: string,
    operation: string,
    { alg, value }: Readonly<Record<string, unknown>>,
  ): Promise<VaultReply> {
    const version = this.#find(name, id);
    if (version === undefined) return notFound(name);
    const forward = operation === "wrapkey" || operation === "encrypt";
    const forbidden = this.#forbidden(version, operation, forward);
    if (forbidden !== undefined) return forbidden;
    const bytes = typeof value === "string" && /^[\w-]+$/.test(value)
      ? new Uint8Array(Buffer.from(value, "base64url"))
      : undefined;
    if (bytes === undefined) {
      return badParameter("Content of 'value' is not base64url.\r\nProperty 'value' is required.\r\n");
    }
    try {
      const out = await use(version.material, String(alg), forward, bytes);
      const result = { kid: this.#kidOf(name, version), value: Buffer.from(out).toString("base64url") };
      return { status: 200, body: result };
    } catch (thrown) {
      if (thrown instanceof WrongAlgorithm) {
        return badParameter(`Key and encryption algorithm are incompatible. Key https://x uses algorithm '${alg}'`);
      }
      return badParameter(forward ? "The parameter is incorrect.\r\n" : "Error occurred while decoding OAEP padding.");
    }
  }

  #forbidden(version: Version, operation: string, forward: boolean): VaultReply | undefined {
    if (!version.enabled) return this.#unusable(operation, "a disabled key", "KeyDisabled");
    // Decrypt, unwrap and verify are permitted outside the dates ("Date-time controlled operations").
    if (forward && version.exp !== undefined && version.exp <= this.#now()) {
      return this.#unusable(operation, "an expired key");
    }
    if (forward && version.nbf !== undefined && version.nbf > this.#now()) {
      return this.#unusable(operation, "a key that is not yet valid");
    }
    if (version.operations.some((one) => one.toLowerCase() === operation)) return undefined;
    return refused(403, "Forbidden", `Operation ${operation} is not permitted on this key.`, "KeyOperationForbidden");
  }

  #unusable(operation: string, what: string, code?: string): VaultReply {
    const text = this.reasons === "none" ? "Forbidden" : `Operation ${operation} is not allowed on ${what}.`;
    return refused(403, "Forbidden", text, this.reasons === "code" ? code : undefined);
  }

  #find(name: string, id: string): Version | undefined {
    if (this.#deleted.has(name)) return undefined;
    const versions = this.#keys.get(name);
    return id === "" ? versions?.at(-1) : versions?.find((version) => version.id === id);
  }

  #kidOf(name: string, { id }: Version): string {
    return `${this.#origin}/keys/${name}/${id}`;
  }

  #bundle(name: string, version: Version): unknown {
    const { enabled, exp, nbf, exportable, created, type, operations, material } = version;
    const jwk = "public" in material ? material.public.export({ format: "jwk" }) : {};
    const dates = { ...(exp === undefined ? {} : { exp }), ...(nbf === undefined ? {} : { nbf }) };
    const release = exportable === undefined ? {} : { exportable };
    return {
      key: { ...jwk, kid: this.#kidOf(name, version), kty: type, key_ops: operations },
      attributes: { enabled, ...dates, ...release, created, updated: created, recoveryLevel: this.recoveryLevel },
    };
  }
}

/** An error as Key Vault writes it. */
export function refused(status: number, code: string, message: string, inner?: string): VaultReply {
  const error = { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) };
  return { status, body: { error } };
}

function notFound(name: string): VaultReply {
  const message =
    `A key with (name/id) ${name} was not found in this key vault. If you recently deleted this key you may ` +
    "be able to recover it using the correct recovery command.";
  return refused(404, "KeyNotFound", message);
}

function badParameter(message: string): VaultReply {
  return refused(400, "BadParameter", message);
}

class WrongAlgorithm extends Error {}

const paddings: Readonly<Record<string, { readonly padding: number; readonly oaepHash?: string } | undefined>> = {
  "RSA-OAEP-256": { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
  "RSA-OAEP": { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
  "RSA1_5": { padding: constants.RSA_PKCS1_PADDING },
};

async function use(material: Material, alg: string, forward: boolean, bytes: Uint8Array): Promise<Uint8Array> {
  if ("aes" in material) {
    if (alg !== "A256KW") throw new WrongAlgorithm();
    return forward ? await aesWrap(material.aes, bytes) : await aesUnwrap(material.aes, bytes);
  }
  const options = paddings[alg];
  if (options === undefined) throw new WrongAlgorithm();
  return forward
    ? publicEncrypt({ key: material.public, ...options }, bytes)
    : privateDecrypt({ key: material.rsa, ...options }, bytes);
}

/** For RFC 3394: Web Crypto wraps only keys, so that the bytes are imported as an HMAC key. */
const carrier = { name: "HMAC", hash: "SHA-256" } as const;

async function aesWrap(key: CryptoKey, bytes: Uint8Array): Promise<Uint8Array> {
  const held = await crypto.subtle.importKey("raw", bytes.slice(), carrier, true, ["sign"]);
  return new Uint8Array(await crypto.subtle.wrapKey("raw", held, key, "AES-KW"));
}

async function aesUnwrap(key: CryptoKey, bytes: Uint8Array): Promise<Uint8Array> {
  const held = await crypto.subtle.unwrapKey("raw", bytes.slice(), key, "AES-KW", carrier, true, ["sign"]);
  return new Uint8Array(await crypto.subtle.exportKey("raw", held));
}

/** The thumbprint of the certificate in a client assertion. */
export function thumbprint(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("base64url");
}

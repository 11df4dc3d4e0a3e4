/**
 * The keys of AWS KMS in memory, with real AES-256-GCM, for the double of AWS.
 *
 * Written from the API reference of AWS KMS (DescribeKey, Encrypt, Decrypt, ReEncrypt, RotateKeyOnDemand, ReplicateKey,
 * GetKeyRotationStatus)
 * and "Key states of AWS KMS keys".
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";

/** An answer before it is encoded. */
export interface AwsReply {
  readonly status: number;
  readonly body: unknown;
}

/** One key material. The last one of a key encrypts. */
interface Material {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A key of one account, with its replicas. */
interface Key {
  readonly id: string;
  readonly regions: Set<string>;
  /** Seconds since the epoch, by Region. */
  readonly createdAt: Map<string, number>;
  readonly materials: Material[];
  state: string;
  spec: string;
  /** Whether AWS rotates it. */
  rotates: boolean;
  /** Further members of the answer of DescribeKey. */
  more: Readonly<Record<string, unknown>>;
}

type Input = Readonly<Record<string, unknown>>;

/** The account of the double. */
export const account = "111122223333";

/** An error as KMS writes it. */
export function kmsError(code: string, status = 400): AwsReply {
  return { status, body: { __type: code, message: "a text that nobody should repeat" } };
}

/** The keys of one account in all Regions. */
export class KmsKeys {
  /** Whether answers name the key material, as those of AWS do; those of some emulators do not. */
  namesMaterial = true;
  /** The index of the material that encrypts in place of the last one, as in a lagging part of KMS. */
  lagging: number | undefined;
  readonly #keys = new Map<string, Key>();
  readonly #aliases = new Map<string, string>();
  readonly #now: () => number;

  /** @param now returns seconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Makes a key. @returns its ARN. */
  create(region: string, options: { readonly multiRegion?: boolean; readonly id?: string } = {}): string {
    const id = options.id ?? (options.multiRegion ? `mrk-${randomBytes(16).toString("hex")}` : crypto.randomUUID());
    const key: Key = {
      id,
      regions: new Set([region]),
      createdAt: new Map([[region, Math.floor(this.#now())]]),
      materials: [],
      state: "Enabled",
      spec: "SYMMETRIC_DEFAULT",
      rotates: true,
      more: {},
    };
    this.#keys.set(id, key);
    const arn = arnOf(key, region);
    this.rotate(arn);
    return arn;
  }

  /** Makes a replica. @returns its ARN. */
  replicate(arn: string, region: string): string {
    const key = this.#get(arn);
    key.regions.add(region);
    key.createdAt.set(region, Math.floor(this.#now()));
    return arnOf(key, region);
  }

  /** Adds key material, which encrypts from now on. */
  rotate(arn: string): void {
    const key = this.#get(arn);
    const bytes = randomBytes(32);
    const id = createHash("sha256").update(key.id).update(bytes).digest("hex");
    key.materials.push({ id, bytes });
  }

  /** The names of a key's materials, oldest first. */
  materials(arn: string): readonly string[] {
    return this.#get(arn).materials.map(({ id }) => id);
  }

  change(arn: string, changes: Partial<Pick<Key, "state" | "spec" | "rotates" | "more">>): void {
    Object.assign(this.#get(arn), changes);
  }

  delete(arn: string): void {
    this.#keys.delete(this.#get(arn).id);
  }

  alias(name: string, arn: string): void {
    this.#aliases.set(name, this.#get(arn).id);
  }

  /** One operation, as `X-Amz-Target` names it, in a Region. */
  operate(operation: string, region: string, input: Input): AwsReply {
    if (operation === "DescribeKey") return this.#describe(region, input);
    if (operation === "GetKeyRotationStatus") return this.#rotation(region, input);
    if (operation === "Encrypt") return this.#encrypt(region, input);
    if (operation === "Decrypt") return this.#decrypt(region, input);
    return operation === "ReEncrypt" ? this.#reEncrypt(region, input) : kmsError("UnknownOperationException");
  }

  /** The ARN that a name or ID has in a Region; `undefined` if there is no such key. */
  arn(region: string, named: unknown): string | undefined {
    const key = this.#find(region, named);
    return key === undefined ? undefined : arnOf(key, region);
  }

  #describe(region: string, { KeyId }: Input): AwsReply {
    const key = this.#find(region, KeyId);
    if (key === undefined) return kmsError("NotFoundException");
    return {
      status: 200,
      body: {
        KeyMetadata: {
          AWSAccountId: account,
          Arn: arnOf(key, region),
          KeyId: key.id,
          CreationDate: key.createdAt.get(region),
          Enabled: key.state === "Enabled",
          KeyState: key.state,
          KeySpec: key.spec,
          KeyUsage: "ENCRYPT_DECRYPT",
          Origin: "AWS_KMS",
          MultiRegion: key.id.startsWith("mrk-"),
          ...(this.namesMaterial ? { CurrentKeyMaterialId: key.materials.at(-1)?.id } : {}),
          ...key.more,
        },
      },
    };
  }

  #rotation(region: string, { KeyId }: Input): AwsReply {
    const key = this.#find(region, KeyId);
    if (key === undefined) return kmsError("NotFoundException");
    return { status: 200, body: { KeyId: key.id, KeyRotationEnabled: key.rotates } };
  }

  #encrypt(region: string, { KeyId, Plaintext, EncryptionContext }: Input): AwsReply {
    const key = this.#usable(region, KeyId);
    if ("status" in key) return key;
    const plaintext = Buffer.from(String(Plaintext ?? ""), "base64");
    if (plaintext.length < 1 || plaintext.length > 4096) return kmsError("ValidationException");
    const { blob } = this.#seal(key, plaintext, EncryptionContext);
    return { status: 200, body: { CiphertextBlob: blob, KeyId: arnOf(key, region), ...algorithm } };
  }

  #decrypt(region: string, { KeyId, CiphertextBlob, EncryptionContext }: Input): AwsReply {
    const opened = this.#open(region, KeyId, CiphertextBlob, EncryptionContext);
    if ("status" in opened) return opened;
    const { key, plaintext, material } = opened;
    const body = { Plaintext: plaintext.toString("base64"), KeyId: arnOf(key, region), ...algorithm };
    return { status: 200, body: this.namesMaterial ? { ...body, KeyMaterialId: material } : body };
  }

  #reEncrypt(region: string, input: Input): AwsReply {
    const opened = this.#open(region, input.SourceKeyId, input.CiphertextBlob, input.SourceEncryptionContext);
    if ("status" in opened) return opened;
    const key = this.#usable(region, input.DestinationKeyId);
    if ("status" in key) return key;
    const { blob, material } = this.#seal(key, opened.plaintext, input.DestinationEncryptionContext);
    const body = { CiphertextBlob: blob, KeyId: arnOf(key, region), SourceKeyId: arnOf(opened.key, region) };
    const named = { SourceKeyMaterialId: opened.material, DestinationKeyMaterialId: material };
    return { status: 200, body: this.namesMaterial ? { ...body, ...named } : body };
  }

  /** Encrypts to: key ID, index of the material, nonce, AES-256-GCM ciphertext. The head is authenticated. */
  #seal(key: Key, plaintext: Uint8Array, context: unknown): { readonly blob: string; readonly material: string } {
    const place = this.lagging ?? key.materials.length - 1;
    const material = key.materials[place];
    if (material === undefined) throw new Error("The key has no such material.");
    const id = Buffer.from(key.id);
    const nonce = randomBytes(12);
    const head = Buffer.concat([Buffer.of(1, id.length), id, Buffer.of(place), nonce]);
    const cipher = createCipheriv("aes-256-gcm", material.bytes, nonce);
    cipher.setAAD(Buffer.concat([head, contextBytes(context)]));
    const sealed = Buffer.concat([head, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return { blob: sealed.toString("base64"), material: material.id };
  }

  #open(region: string, named: unknown, blob: unknown, context: unknown) {
    const wanted = named === undefined ? undefined : this.#usable(region, named);
    if (wanted !== undefined && "status" in wanted) return wanted;
    const sealed = Buffer.from(String(blob ?? ""), "base64");
    const idLength = sealed[1] ?? 0;
    const headLength = 2 + idLength + 13;
    if (sealed[0] !== 1 || sealed.length < headLength + 16) return kmsError("InvalidCiphertextException");
    const key = this.#keys.get(sealed.subarray(2, 2 + idLength).toString());
    if (wanted !== undefined && key !== wanted) return kmsError("IncorrectKeyException");
    const material = key?.materials[sealed[2 + idLength] ?? 255];
    if (key === undefined || material === undefined) return kmsError("InvalidCiphertextException");
    const [head, body] = [sealed.subarray(0, headLength), sealed.subarray(headLength, -16)];
    const decipher = createDecipheriv("aes-256-gcm", material.bytes, head.subarray(-12), { authTagLength: 16 });
    decipher.setAAD(Buffer.concat([head, contextBytes(context)]));
    decipher.setAuthTag(sealed.subarray(-16));
    try {
      return { key, material: material.id, plaintext: Buffer.concat([decipher.update(body), decipher.final()]) };
    } catch {
      return kmsError("InvalidCiphertextException");
    }
  }

  #usable(region: string, named: unknown): Key | AwsReply {
    const key = this.#find(region, named);
    if (key === undefined) return kmsError("NotFoundException");
    if (key.state === "Disabled") return kmsError("DisabledException");
    return key.state === "Enabled" ? key : kmsError("KMSInvalidStateException");
  }

  #find(region: string, named: unknown): Key | undefined {
    const text = String(named ?? "");
    const [, there, local = text] = /^arn:aws:kms:([^:]+):111122223333:(.+)$/.exec(text) ?? [];
    if (there !== undefined && there !== region) return undefined;
    const id = local.startsWith("alias/") ? this.#aliases.get(local) : local.replace(/^key\//, "");
    const key = this.#keys.get(id ?? "");
    return key?.regions.has(region) ? key : undefined;
  }

  #get(arn: string): Key {
    const key = this.#keys.get(arn.split("/").at(-1) ?? "");
    if (key === undefined) throw new Error(`There is no key ${arn}.`);
    return key;
  }
}

const algorithm = { EncryptionAlgorithm: "SYMMETRIC_DEFAULT" } as const;

function arnOf({ id }: Key, region: string): string {
  return `arn:aws:kms:${region}:${account}:key/${id}`;
}

/** Encodes the context sorted by name, so that the order of the request has no effect. */
function contextBytes(context: unknown): Buffer {
  const entries = Object.entries((context ?? {}) as Record<string, string>);
  return Buffer.from(JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

/**
 * A Service in memory. It stores each plaintext and returns it for the ciphertext that it made.
 *
 * @module
 */
import { concat, equalBytes, hex, sha256, utf8 } from "../../lib/base/bytes.ts";
import { type ErrorCode, KmsError } from "../../lib/base/errors.ts";
import type { KmsApi } from "../../lib/api/kms/messages.ts";
import type { ForeignFormat } from "../../lib/envelope/foreign_formats.ts";
import type { Decrypted, Encrypted, Sealed, Service, ServiceStatus } from "../../lib/services/kms/service.ts";

/** The status of a healthy node with one provider. */
export const wellStatus: ServiceStatus = {
  keyId: "t1-00112233445566778899aabbccddeeff",
  provisional: false,
  message: "",
  quorum: { state: "held" },
  needed: 1,
  providers: [],
  retired: [],
  wrapOnly: [],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  canEncrypt: true,
  dataKeyMadeAt: 1_000,
  stateFolder: undefined,
  announcedAt: undefined,
  firstEncryptAt: undefined,
  decrypts: { windowMs: 300_000, refused: [], lastOpenedAt: undefined, failing: false },
  sealedVersions: [],
};

const providers = [{ name: "fake", version: "1" }];

/** A service whose status and answers a test can set. */
export class FakeService implements Service {
  current: ServiceStatus = wellStatus;
  /** Number of calls of `status`. */
  noted = 0;
  /** The argument `byTool` of each encrypt. */
  readonly byTool: boolean[] = [];
  /** The codes of decrypts that were refused before they reached the service. */
  readonly refusals: ErrorCode[] = [];
  /** Thrown by the next encrypt or decrypt, once. */
  failNext: unknown;
  /** Merged into the next answer to encrypt, once. */
  answerNext: Partial<Encrypted> = {};
  /** Awaited by each decrypt, with the signal of the call. */
  hold: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly #sealed = new Map<
    string,
    { readonly sealed: Sealed; readonly api: KmsApi; readonly plaintext: Uint8Array }
  >();

  status(): ServiceStatus {
    this.noted++;
    return this.current;
  }

  encryptStatus(): ServiceStatus {
    return this.current;
  }

  peek(): ServiceStatus {
    return this.current;
  }

  encrypt(plaintext: Uint8Array, api: KmsApi, byTool = false): Encrypted {
    this.byTool.push(byTool);
    this.#mayFail();
    const ciphertext = sha256(concat(utf8(`${this.#sealed.size}`), plaintext));
    const keyId = this.current.keyId ?? "";
    const annotations = api === "v2" ? { "fake.wrap.trousseau.dev": utf8("wrapped") } : {};
    const sealed = { keyId, ciphertext, annotations, ...this.answerNext };
    this.answerNext = {};
    this.#sealed.set(hex(ciphertext), { sealed, api, plaintext: plaintext.slice() });
    return { ...sealed, providers };
  }

  /** The foreign format of every decrypt. */
  foreign: ForeignFormat | undefined;

  foreignFormat(): ForeignFormat | undefined {
    return this.foreign;
  }

  async decrypt(sealed: Sealed, api: KmsApi, call: { readonly signal: AbortSignal }): Promise<Decrypted> {
    await this.hold?.(call.signal);
    this.#mayFail();
    const known = this.#sealed.get(hex(sealed.ciphertext));
    if (known?.api !== api || (api === "v2" && !sameEnvelope(known.sealed, sealed))) {
      throw new KmsError("integrity", "Cannot decrypt: this is not what was sealed.");
    }
    return { plaintext: known.plaintext, keyId: known.sealed.keyId, providers, cache: "hit" };
  }

  refused(_ciphertext: Uint8Array, { code }: KmsError): void {
    this.refusals.push(code);
  }

  #mayFail(): void {
    const failure = this.failNext;
    this.failNext = undefined;
    if (failure !== undefined) throw failure;
  }
}

function sameEnvelope(a: Sealed, b: Sealed): boolean {
  const [ours, theirs] = [Object.entries(a.annotations), Object.entries(b.annotations)];
  return a.keyId === b.keyId && ours.length === theirs.length &&
    ours.every(([key, value]) => equalBytes(value, b.annotations[key] ?? new Uint8Array()));
}

/**
 * The plugin under test, and observations that several criteria share.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { ClientOptions, DialOptions } from "../net/grpc/client.ts";
import { dialKms, type KmsClient } from "../api/kms/client.ts";
import { isUnimplemented } from "../net/grpc/status.ts";
import { toolUid } from "../api/kms/tool_uid.ts";
import type { EncryptResponse, StatusResponse } from "../api/kms/messages.ts";
import { newPlaintext, openAll, type Opening, type Sealer, type Variant } from "./sealer.ts";

/** The API that a criterion tests. */
export type SubjectApi = "v2" | "v1beta1";

/** A response of Encrypt of v2. */
export type SubjectSealed = EncryptResponse;

/** A plugin on a socket. Dispose of it after the last criterion. */
export class Subject implements AsyncDisposable {
  /** Path of the plugin's socket. */
  readonly path: string;
  /** The client that criteria use by default. */
  readonly client: KmsClient;
  /** Duration of the slowest successful call of each RPC so far, in milliseconds. */
  readonly slowest = new Map<string, number>();
  /** Aborted at the end of the time for the current criterion. */
  signal: AbortSignal;
  readonly #opened = new ResourceStack();
  readonly #openings = new Map<string, Promise<readonly Opening[]>>();
  #wasLost = false;

  constructor(path: string, signal: AbortSignal) {
    this.path = path;
    this.signal = signal;
    this.client = this.dial();
  }

  /** Creates another client, like that of a second API server. It is closed with the subject, if not earlier. */
  dial(options: ClientOptions = {}): KmsClient {
    return this.#opened.use(dialKms(this.path, options));
  }

  /** Calls Status of v2. */
  async status(client = this.client): Promise<StatusResponse> {
    return await this.#timed("Status", () => client.v2.Status({}, this.#call()));
  }

  /** Encrypt and Decrypt of v2. */
  v2(client = this.client): Sealer<SubjectSealed> {
    const uid = toolUid;
    return {
      seal: (plaintext) =>
        this.#timed("Encrypt", async () => kept(await client.v2.Encrypt({ plaintext, uid: uid() }, this.#call()))),
      open: (sealed) =>
        this.#timed(
          "Decrypt",
          async () => new Uint8Array((await client.v2.Decrypt({ ...sealed, uid: uid() }, this.#call())).plaintext),
        ),
    };
  }

  /** Encrypt and Decrypt of v1beta1. */
  v1beta1(client = this.client): Sealer<Uint8Array> {
    const version = "v1beta1";
    return {
      seal: async (plain) => new Uint8Array((await client.v1beta1.Encrypt({ version, plain }, this.#call())).cipher),
      open: async (cipher) => new Uint8Array((await client.v1beta1.Decrypt({ version, cipher }, this.#call())).plain),
    };
  }

  /**
   * Results of decrypting changed variants of a sealed value. They are cached by name, since several criteria use the
   * same.
   */
  openings<S>(name: string, sealer: Sealer<S>, variants: (sealed: S, sealer: Sealer<S>) => Promise<Variant<S>[]>) {
    const known = this.#openings.get(name);
    if (known !== undefined) return known;
    const found = (async () => {
      const plaintext = newPlaintext();
      const openings = await openAll(sealer, plaintext, await variants(await sealer.seal(plaintext), sealer));
      this.#wasLost ||= openings.some(({ result }) => result === "lost");
      return openings;
    })();
    this.#openings.set(name, found);
    return found;
  }

  /** Whether the plugin was ever unreachable while changed variants were sent. */
  get wasLost(): boolean {
    return this.#wasLost;
  }

  /** Results of all changed variants under one API so far, by the part that was changed. */
  async changed(api: SubjectApi): Promise<readonly (readonly [part: string, openings: readonly Opening[]])[]> {
    const found = [...this.#openings].filter(([name]) => name.startsWith(`${api} `));
    return await Promise.all(
      found.map(async ([name, openings]) => [name.slice(api.length + 1), await openings.catch(() => [])] as const),
    );
  }

  /** All refusals under one API so far. */
  async refusals(api: SubjectApi): Promise<readonly Opening[]> {
    const openings = (await this.changed(api)).flatMap(([, openings]) => openings);
    return openings.filter(({ result }) => result === "refused");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
  }

  #call(): DialOptions {
    return { signal: this.signal };
  }

  async #timed<T>(rpc: string, work: () => Promise<T>): Promise<T> {
    const startedAt = systemClock.now();
    const answer = await work();
    this.slowest.set(rpc, Math.max(this.slowest.get(rpc) ?? 0, systemClock.now() - startedAt));
    return answer;
  }
}

/** A copy of a response: its decoded fields are views of the whole received message. */
function kept({ ciphertext, key_id, annotations }: SubjectSealed): SubjectSealed {
  const own = Object.entries(annotations).map(([key, value]) => [key, new Uint8Array(value)] as const);
  return { ciphertext: new Uint8Array(ciphertext), key_id, annotations: Object.fromEntries(own) };
}

/** The APIs that a plugin serves. */
export async function served(subject: Subject): Promise<Readonly<Record<SubjectApi, boolean>>> {
  const { client, signal } = subject;
  return {
    v2: await answers(client.v2.Status({}, { signal })),
    v1beta1: await answers(client.v1beta1.Version({ version: "v1beta1" }, { signal })),
  };
}

/** Every response except UNIMPLEMENTED shows that the RPC is served. */
async function answers(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (thrown) {
    return !isUnimplemented(thrown);
  }
}

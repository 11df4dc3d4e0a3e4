/**
 * A KEK in the transit engine of HashiCorp Vault or OpenBao.
 *
 * @module
 */
import { base64, fromBase64, utf8 } from "../../base/bytes.ts";
import { systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import { Batcher } from "../batching.ts";
import type { KeyExamination } from "../key_findings.ts";
import type { ProviderVerb } from "../../telemetry/events.ts";
import type { CallOptions, ForeignCiphertext, KeyState, Provider, ProviderContext, WrappedDek } from "../provider.ts";
import { providerLimits } from "../provider.ts";
import { field } from "../../net/https/fields.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { RefusedLogins } from "../../net/https/refused_logins.ts";
import { itemRefusal, refusal } from "./errors.ts";
import { authenticator } from "./auth.ts";
import { parseCiphertext, parseVersion, prefixVersion } from "./ciphertext.ts";
import { AgentSession } from "./agent_session.ts";
import { VaultClient } from "./client.ts";
import type { VaultAnswer, VaultCall } from "./http.ts";
import type { VaultAuthenticator } from "./login.ts";
import { TransitKey } from "./key.ts";
import { Session } from "./session.ts";
import type { VaultTransitSettings } from "./settings.ts";

/** Maximum number of requests in flight for each verb, and of items in one request. */
const batching = { inFlight: 6, size: 128 } as const;

/** An item of `transit/encrypt`, pinned to a version. */
interface WrapItem {
  readonly plaintext: string;
  readonly key_version: number;
}

/** An item of `transit/decrypt`. */
interface UnwrapItem {
  readonly ciphertext: string;
}

/**
 * Opens a transit key. The first call logs in.
 *
 * @throws {KmsError} `config` if the TLS files cannot be used.
 */
export async function openVaultTransit(settings: VaultTransitSettings, context: ProviderContext): Promise<Provider> {
  if (settings.auth.method === "cert" && settings.tls.certificateFile === undefined) {
    throw new KmsError("config", `Cannot open provider "${settings.name}": auth by cert needs tls.certificateFile.`);
  }
  const client = await VaultClient.open(settings, context.notify, context.waits);
  return new VaultTransit(settings, client, context);
}

class VaultTransit implements Provider {
  readonly name: string;
  readonly kind = "vault-transit";
  readonly canUnwrap = true;
  readonly #actions: Readonly<Record<ProviderVerb, string>>;
  readonly #client: VaultClient;
  readonly #session: Session | AgentSession;
  /** `undefined` if an agent logs in. */
  readonly #authenticator: VaultAuthenticator | undefined;
  readonly #key: TransitKey;
  readonly #settings: VaultTransitSettings;
  readonly #wraps: Batcher<WrapItem, string>;
  readonly #unwraps: Batcher<UnwrapItem, Uint8Array>;

  constructor(settings: VaultTransitSettings, client: VaultClient, context: ProviderContext) {
    const { notify, reloads, stateFolder, clock = systemClock } = context;
    const { name: provider, auth, addresses, namespace = "" } = settings;
    this.name = provider;
    const actionFor = (verb: ProviderVerb) => `${verb} with provider "${provider}"`;
    this.#actions = { probe: actionFor("probe"), wrap: actionFor("wrap"), unwrap: actionFor("unwrap") };
    this.#settings = settings;
    this.#client = client;
    const refused = new RefusedLogins({
      provider,
      notify,
      stateFolder,
      clock,
      scope: [settings.kind, namespace, ...addresses],
    });
    this.#authenticator = auth.method === "agent"
      ? undefined
      : authenticator(auth, { ...context, provider, namespace: settings.namespace });
    this.#session = this.#authenticator === undefined ? new AgentSession(client) : new Session({
      provider,
      method: auth.method,
      client,
      authenticator: this.#authenticator,
      key: { mount: settings.mount, name: settings.key },
      refused,
      notify,
      clock,
      reloads,
    });
    this.#key = new TransitKey(this.#session, settings.mount, settings.key, clock);
    const batches = { ...batching, provider, notify };
    this.#wraps = new Batcher({ ...batches, verb: "wrap", send: this.#encrypt.bind(this) });
    this.#unwraps = new Batcher({ ...batches, verb: "unwrap", send: this.#decrypt.bind(this) });
  }

  probe(call: CallOptions): Promise<KeyState> {
    return this.#key.probe(this.#call("probe", call.signal));
  }

  async wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    const { action } = this.#call("wrap", call.signal);
    const number = await this.#key.pin(at, { action, signal: call.signal });
    const ciphertext = await this.#wraps.call({ plaintext: base64(dek), key_version: number }, call.signal);
    if (prefixVersion(ciphertext) !== number) {
      throw unacceptable(action, "Vault wrapped with another version of the key than it was asked for");
    }
    return { version: at.version, ciphertext: utf8(ciphertext) };
  }

  async unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array> {
    const action = this.#actions.unwrap;
    const version = parseVersion(wrapped.version);
    const parsed = parseCiphertext(wrapped.ciphertext);
    if (parsed === undefined) {
      throw new KmsError("integrity", `Cannot ${action}: these bytes are no transit ciphertext.`);
    }
    if (parsed.number !== version?.number) {
      throw new KmsError("integrity", `Cannot ${action}: the version and the wrapped bytes do not belong together.`);
    }
    try {
      return await this.#unwraps.call({ ciphertext: parsed.text }, call.signal);
    } catch (thrown) {
      if (!(thrown instanceof KmsError) || thrown.code !== "integrity" || !this.#key.remade(version)) throw thrown;
      throw new KmsError("key_unknown", `Cannot ${action}: the key was deleted, and another one has its name now.`);
    }
  }

  async unwrapForeign({ ciphertext, context }: ForeignCiphertext, call: CallOptions): Promise<Uint8Array> {
    const { action } = this.#call("unwrap", call.signal);
    const parsed = parseCiphertext(ciphertext);
    if (parsed === undefined || context !== undefined) {
      throw new KmsError("integrity", `Cannot ${action}: these bytes are no transit ciphertext.`);
    }
    return await this.#unwraps.call({ ciphertext: parsed.text }, call.signal);
  }

  async remarks(versions: readonly string[], { signal }: CallOptions): Promise<readonly string[]> {
    const action = `look at the key of provider "${this.name}"`;
    const ofKey = await this.#key.remarks(versions, { signal, action });
    return [...this.#authenticator?.remarks?.() ?? [], ...ofKey];
  }

  async examine(versions: readonly string[], { signal }: CallOptions): Promise<KeyExamination> {
    const { examineTransitKey } = await import("./examination.ts");
    const call = { signal, action: `examine the key of provider "${this.name}"` };
    const found = await examineTransitKey(this.#settings, this.#session, versions, call);
    return { ...found, remarks: this.#authenticator?.remarks?.() ?? [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
  }

  #call(verb: ProviderVerb, signal: AbortSignal): VaultCall {
    return { signal, action: this.#actions[verb] };
  }

  async #encrypt(items: readonly WrapItem[], signal: AbortSignal): Promise<readonly (string | KmsError)[]> {
    const call = this.#call("wrap", signal);
    const answer = await this.#key.operate("encrypt", { batch_input: items }, call);
    // If the policy does not permit creating keys, Vault answers 403 to encrypting with a missing key; only reading it
    // shows which it is.
    if (answer.status === 403) await this.#key.read(call).catch(onlyUnknownKey);
    return results(answer, items.length, call, (item) => {
      const ciphertext = field(item, "ciphertext");
      return typeof ciphertext === "string"
        ? ciphertext
        : unacceptable(call.action, "Vault's answer holds no ciphertext");
    });
  }

  async #decrypt(items: readonly UnwrapItem[], signal: AbortSignal): Promise<readonly (Uint8Array | KmsError)[]> {
    const call = this.#call("unwrap", signal);
    const answer = await this.#key.operate("decrypt", { batch_input: items }, call);
    return results(answer, items.length, call, (item) => {
      const plaintext = field(item, "plaintext");
      const dek = typeof plaintext === "string" ? fromBase64(plaintext) : undefined;
      if (dek === undefined) return unacceptable(call.action, "Vault's answer holds no plaintext");
      if (dek.length > 0 && dek.length <= providerLimits.dek) return dek;
      return new KmsError("integrity", `Cannot ${call.action}: what the key opened is no data key.`);
    });
  }
}

/**
 * The outcomes in the order of the items. One bad item sets the status to 400 or 500; the other items are valid
 * nevertheless.
 */
function results<Out>(
  answer: VaultAnswer,
  count: number,
  call: VaultCall,
  read: (item: unknown) => Out | KmsError,
): readonly (Out | KmsError)[] {
  const found = field(field(answer.body, "data"), "batch_results");
  if (!Array.isArray(found)) {
    throw answer.status === 200
      ? unacceptable(call.action, "Vault's answer holds no results")
      : refusal(answer, call.action);
  }
  if (found.length !== count) {
    throw unacceptable(call.action, "Vault's answer has another number of results than items");
  }
  return found.map((item: unknown) => {
    const error = field(item, "error");
    return typeof error === "string" && error !== "" ? itemRefusal(answer.status, error, call.action) : read(item);
  });
}

function onlyUnknownKey(thrown: unknown): void {
  if (thrown instanceof KmsError && thrown.code === "key_unknown") throw thrown;
}

/**
 * A provider whose keys are in a file of this node; it needs no other service.
 *
 * It protects against an attacker who obtains the data of etcd without the node's disk: from a backup, a snapshot or a
 * disk of another machine. It does not protect against one who has the node, its disk or an image of it: key and data
 * are stored side by side, their use is neither counted nor revocable, and deleting the file loses the data. It does
 * not replace a remote KMS.
 *
 * @module
 */
import { dirname } from "node:path";
import { abortError, orAborted } from "../../base/deadline.ts";
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import { whyUnwritable } from "../../base/file_failures.ts";
import { type CallOptions, type KeyState, type Provider, type ProviderContext, providerLimits } from "../provider.ts";
import type { WrappedDek } from "../provider.ts";
import { localOverhead, unwrapLocally, wrapLocally } from "./cipher.ts";
import { isLocalKeyId, type KeyFile, type LocalKey, readKeyFile, stampOfKeyFile } from "./key_file.ts";
import { KeyLedger } from "./key_ledger.ts";
import type { LocalSettings } from "./settings.ts";
import { createKeyFile } from "./write_key_file.ts";

/**
 * Opens a key file. The version of a key is its ID. Its order is its creation time in milliseconds: rotation increases
 * it even if the clock was set back, and removing old keys from the file does not change it.
 *
 * `probe` and `wrap` check the file each time and read it again if it has changed, so that no data key is wrapped with
 * a key that a restart would not find. `unwrap` checks the file only if it does not have the requested version. While
 * the file is unsafe, unreadable or malformed, `probe` and `wrap` fail and `unwrap` uses the keys that were read last,
 * because nothing shows that they were removed. A missing file, or a file that no longer lists a key, does show it:
 * from the next probe on, that key is `key_unknown`.
 *
 * A key that differs from the one that this node first used under its ID is treated like a malformed file: see
 * `key_ledger.ts`.
 *
 * @throws {KmsError} `config` if the file is missing and not to be created, accessible to users other than its owner, a
 *   symlink, malformed or damaged, if every user may write to its folder, or if the file is missing and the versions
 *   with which this node has sealed data cannot be read.
 */
export async function openLocal(settings: LocalSettings, context: ProviderContext): Promise<Provider> {
  const ledger = await KeyLedger.open(settings, context);
  const first = await readKeyFile(settings.keyFile);
  const missing = first.problem && first.code === "key_unknown";
  if (missing && settings.create) {
    refuseToReplace(settings, context.knownVersions ?? []);
    await create(settings);
  }
  const file = missing && settings.create ? await readKeyFile(settings.keyFile) : first;
  if (file.problem) {
    const hint = missing ? "; put it back from a backup, or set `create: true` if there is no data yet" : "";
    throw configError(settings, `${file.why}${hint}`);
  }
  const mismatch = ledger.mismatch(file.keys);
  if (mismatch !== undefined) {
    wipe(file.keys);
    throw configError(settings, mismatch);
  }
  await refuseOpenFolder(settings);
  await ledger.note(file.keys);
  return new LocalProvider(settings, file, ledger);
}

/**
 * A new key cannot unwrap the data keys of a lost one; created in its place, it would hide the loss until a read fails.
 */
function refuseToReplace(settings: LocalSettings, known: readonly string[] | KmsError): void {
  if (known instanceof KmsError) {
    const why = `the key file "${settings.keyFile}" is not there, and none is made while it cannot be told whether`;
    throw configError(settings, `${why} this node has sealed with one. ${known.message.replace(/\.$/, "")}`, known);
  }
  if (known.length === 0) return;
  const shown = known.slice(-maxShown).map((version) => `'${settings.name}@${version}'`).join(", ");
  throw configError(
    settings,
    `the key file "${settings.keyFile}" is not there, and a new key could not open what the ${known.length} that this ` +
      "node has used wrapped; put the file back from a backup, or, if nothing is left that they wrapped, write " +
      `forgotten: [${shown}${known.length > maxShown ? ", …" : ""}]`,
  );
}

/** Maximum number of versions in the message; a longer list would not be read to its end. */
const maxShown = 8;

async function create(settings: LocalSettings): Promise<void> {
  try {
    await createKeyFile(settings.keyFile);
  } catch (error) {
    const why = whyUnwritable(error, settings.keyFile);
    throw configError(settings, `the key file "${settings.keyFile}" cannot be made: ${why}`, error);
  }
}

/** Refuses a folder in which any user could replace the key file. The sticky bit prevents that. */
async function refuseOpenFolder(settings: LocalSettings): Promise<void> {
  const folder = dirname(settings.keyFile);
  const mode = (await Deno.stat(folder)).mode ?? 0;
  if ((mode & 0o002) === 0 || (mode & 0o1000) !== 0) return;
  throw configError(settings, `everybody may write to the folder "${folder}" of the key file; run \`chmod o-w\` on it`);
}

function configError(settings: LocalSettings, why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot open provider "${settings.name}": ${why}.`, { cause });
}

class LocalProvider implements Provider {
  readonly name: string;
  readonly kind = "local";
  readonly canUnwrap = true;
  readonly #path: string;
  readonly #ledger: KeyLedger;
  #keys: readonly LocalKey[];
  #stamp: string;
  #closed = false;

  constructor(settings: LocalSettings, file: KeyFile, ledger: KeyLedger) {
    this.name = settings.name;
    this.#path = settings.keyFile;
    this.#ledger = ledger;
    this.#keys = file.keys;
    this.#stamp = file.stamp;
  }

  async probe(call: CallOptions): Promise<KeyState> {
    const action = `probe provider "${this.name}"`;
    await this.#look(action, call.signal);
    const current = this.#keys.at(-1);
    if (current === undefined) throw failure("key_unknown", action, `the key file "${this.#path}" is not there`);
    return { version: current.id, order: current.createdAt };
  }

  async wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    const action = `wrap with provider "${this.name}"`;
    if (dek.length === 0 || dek.length > providerLimits.dek) {
      throw failure("request_invalid", action, `a data key has 1 to ${providerLimits.dek} bytes`);
    }
    await this.#look(action, call.signal);
    return { version: at.version, ciphertext: wrapLocally(this.#key(at.version, action), dek) };
  }

  async unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array> {
    const action = `unwrap with provider "${this.name}"`;
    if (call.signal.aborted) throw abortError(call.signal, action);
    if (!this.#keys.some(({ id }) => id === wrapped.version)) await this.#look(action, call.signal);
    const key = this.#key(wrapped.version, action);
    const tooLong = wrapped.ciphertext.length > localOverhead + providerLimits.dek;
    const dek = tooLong ? undefined : unwrapLocally(key, wrapped.ciphertext);
    if (dek === undefined) throw failure("integrity", action, "these are not bytes that its key wrapped");
    return dek;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#hold([]);
    return Promise.resolve();
  }

  #key(version: string, action: string): LocalKey {
    const key = this.#keys.find(({ id }) => id === version);
    if (key !== undefined) return key;
    // The version comes from etcd, where anybody may have written it: it is printed only if it has the form of an ID.
    const which = isLocalKeyId(version) ? `no key ${version}` : "no key of that version";
    throw failure("key_unknown", action, `the key file "${this.#path}" holds ${which}`);
  }

  /** Reads the file again if it has changed. */
  async #look(action: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortError(signal, action);
    if (this.#closed) throw failure("cancelled", action, "it is closed");
    const stamp = await orAborted(stampOfKeyFile(this.#path), signal, action);
    if (stamp === this.#stamp) return;
    const file = await orAborted(readKeyFile(this.#path), signal, action);
    if (this.#closed) throw failure("cancelled", action, "it is closed");
    if (!file.problem) return await this.#take(file, action);
    this.#stamp = "";
    if (file.code === "key_unknown") this.#hold([]);
    throw failure(file.code, action, file.why);
  }

  /**
   * Takes over the keys of the file, unless it contains another key under a known ID; then the keys that were read last
   * remain.
   */
  async #take(file: KeyFile, action: string): Promise<void> {
    const mismatch = this.#ledger.mismatch(file.keys);
    if (mismatch !== undefined) {
      wipe(file.keys);
      this.#stamp = "";
      throw failure("provider_protocol", action, mismatch);
    }
    this.#hold(file.keys);
    this.#stamp = file.stamp;
    await this.#ledger.note(file.keys);
  }

  #hold(keys: readonly LocalKey[]): void {
    wipe(this.#keys);
    this.#keys = keys;
  }
}

function wipe(keys: readonly LocalKey[]): void {
  for (const { material } of keys) material.fill(0);
}

function failure(code: ErrorCode, action: string, why: string): KmsError {
  return new KmsError(code, `Cannot ${action}: ${why}.`);
}

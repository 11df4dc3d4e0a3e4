/**
 * The keys that this node has used, by provider and version, each with its check value: `local-keys.json` in the state
 * folder. A file with another key under the ID of one of them is damaged, or is another node's.
 *
 * A key that was made since IDs are check values is known to be good by itself. For an older one, the check value that is
 * kept at its first use is all there is.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../base/bytes.ts";
import { KmsError, toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import { type StateFile, stateFile } from "../../base/state_file.ts";
import { updateState } from "../../base/state_update.ts";
import type { ProviderContext } from "../provider.ts";
import { checkValueOf } from "./check_value.ts";
import { isLocalKeyId, type LocalKey } from "./key_file.ts";
import type { LocalSettings } from "./settings.ts";

/** A key of which no byte is kept. */
export interface KnownKey {
  /** The name of the provider that used it first. */
  readonly provider: string;
  /** Which key file it was in: see {@linkcode fileTag}. */
  readonly file: string;
  /** The ID of the key. */
  readonly version: string;
  /** Its check value, 16 hexadecimal digits. */
  readonly check: string;
}

interface KnownKeys {
  /** Oldest first. */
  readonly keys: readonly KnownKey[];
}

/** Tells the paths of key files apart, in 16 hexadecimal digits: a path may be longer than all the rest. */
export function fileTag(keyFile: string): string {
  return sha256Hex(utf8(keyFile)).slice(0, 16);
}

/** Eight files of a thousand keys each would be kept whole. */
const maxKeys = 8192;
/** A key is some 160 bytes with the longest name. */
const maxBytes = 2 * 1024 * 1024;

/**
 * The keys that a node's state folder knows, of all providers.
 *
 * @throws {KmsError} `config` if the file cannot be read.
 */
export async function readKnownKeys(stateFolder: string): Promise<readonly KnownKey[]> {
  return (await ledgerFile(stateFolder).read())?.keys ?? [];
}

/** What one provider knows of keys, from the state folder if it has one. */
export class KeyLedger {
  readonly #settings: LocalSettings;
  readonly #folder: string | undefined;
  /** Whether anything new is written to the folder. */
  readonly #keeps: boolean;
  readonly #notify: Notify;
  /** By version. */
  readonly #known: Map<string, string>;

  /**
   * A file that cannot be used stops nothing: a key that opens what it sealed is worth more than the knowledge that it is
   * the right one, and a key that is not makes its sentinel fail. {@linkcode KeyLedger.note} warns of the file.
   */
  static async open(settings: LocalSettings, context: ProviderContext): Promise<KeyLedger> {
    const { stateFolder } = context;
    return new KeyLedger(settings, context, stateFolder === undefined ? [] : await knownOrNone(stateFolder));
  }

  private constructor(settings: LocalSettings, context: ProviderContext, known: readonly KnownKey[]) {
    this.#settings = settings;
    this.#folder = context.stateFolder;
    this.#keeps = !(context.keepsStateAsItIs ?? false);
    this.#notify = context.notify;
    this.#known = new Map(known.map(({ version, check }) => [version, check]));
  }

  /**
   * Compares keys that were just read with those that are known.
   *
   * @returns the end of a sentence that names the file and the first version that differs; `undefined` if none does.
   */
  mismatch(keys: readonly LocalKey[]): string | undefined {
    const changed = keys.find(({ id, material }) =>
      (this.#known.get(id) ?? checkValueOf(material)) !== checkValueOf(material)
    );
    if (changed === undefined) return undefined;
    const wayBack = this.#folder === undefined
      ? ""
      : `, or, if this file is the right one, remove ${ledgerFile(this.#folder).path}`;
    return `the key file "${this.#settings.keyFile}" holds another key ${changed.id} than the one that this node has ` +
      `used: the file is damaged or was made elsewhere; put it back from a backup${wayBack}`;
  }

  /** Takes good keys down. Where that cannot be written, a warning is told and the keys serve all the same. */
  async note(keys: readonly LocalKey[]): Promise<void> {
    const { name: provider, keyFile } = this.#settings;
    const file = fileTag(keyFile);
    const added = keys.filter(({ id }) => !this.#known.has(id))
      .map(({ id, material }): KnownKey => ({ provider, file, version: id, check: checkValueOf(material) }));
    for (const { version, check } of added) this.#known.set(version, check);
    if (added.length === 0 || this.#folder === undefined || !this.#keeps) return;
    try {
      await updateState(this.#folder, ledgerFile(this.#folder), (found) => withKeys(found, added));
    } catch (thrown) {
      const message = `${toKmsError(thrown).message} A changed key of provider "${provider}" may go unnoticed.`;
      this.#notify({ type: "lifecycle", action: "warning", message });
    }
  }
}

async function knownOrNone(stateFolder: string): Promise<readonly KnownKey[]> {
  try {
    return await readKnownKeys(stateFolder);
  } catch (thrown) {
    if (thrown instanceof KmsError) return [];
    throw thrown;
  }
}

function withKeys(found: KnownKeys | undefined, added: readonly KnownKey[]): KnownKeys | undefined {
  const known = found?.keys ?? [];
  const unknown = added.filter(({ version }) => !known.some((key) => key.version === version));
  return unknown.length === 0 ? undefined : { keys: [...known, ...unknown].slice(-maxKeys) };
}

function ledgerFile(folder: string): StateFile<KnownKeys> {
  return stateFile<KnownKeys>(folder, {
    name: "local-keys.json",
    content: "the check values of local keys",
    format: 1,
    maxBytes,
    parse: ({ keys }) => isListOfKeys(keys) ? { keys } : undefined,
    advice: "restore it, or remove it if the key files are known to be good",
  });
}

function isListOfKeys(value: unknown): value is readonly KnownKey[] {
  return Array.isArray(value) && value.length <= maxKeys && value.every(isKnownKey);
}

function isKnownKey(value: unknown): value is KnownKey {
  if (typeof value !== "object" || value === null) return false;
  const none = { provider: undefined, file: undefined, version: undefined, check: undefined };
  const { provider, file, version, check } = { ...none, ...value };
  // All three have the form of an ID.
  return typeof provider === "string" && provider !== "" && [file, version, check].every(isLocalKeyId);
}

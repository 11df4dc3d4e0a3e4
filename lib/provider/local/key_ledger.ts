/**
 * The local keys that this node has used, by provider and version, each with its check value: `local-keys.json` in the
 * state folder. A key file with a different key under one of these IDs is damaged, or belongs to another node.
 *
 * A key created since IDs are check values verifies itself. For an older key, the check value recorded at its first use
 * is the only evidence.
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

/** A record of a key. It contains no byte of the key itself. */
export interface KnownKey {
  /** Name of the provider that used it first. */
  readonly provider: string;
  /** The key file that contained it: see {@linkcode fileTag}. */
  readonly file: string;
  /** ID of the key. */
  readonly version: string;
  /** Its check value, 16 hexadecimal digits. */
  readonly check: string;
}

interface KnownKeys {
  /** Oldest first. */
  readonly keys: readonly KnownKey[];
}

/**
 * A hash of the path of a key file, 16 hexadecimal digits. It replaces the path, which can be longer than the rest of
 * the record.
 */
export function fileTag(keyFile: string): string {
  return sha256Hex(utf8(keyFile)).slice(0, 16);
}

/** Enough for eight files of a thousand keys each. */
const maxKeys = 8192;
/** A record takes about 160 bytes with the longest name. */
const maxBytes = 2 * 1024 * 1024;

/**
 * The keys recorded in a node's state folder, of all providers.
 *
 * @throws {KmsError} `config` if the file cannot be read.
 */
export async function readKnownKeys(stateFolder: string): Promise<readonly KnownKey[]> {
  return (await ledgerFile(stateFolder).read())?.keys ?? [];
}

/** The recorded keys of one provider, from the state folder if there is one. */
export class KeyLedger {
  readonly #settings: LocalSettings;
  readonly #folder: string | undefined;
  /** Whether new keys are written to the folder. */
  readonly #keeps: boolean;
  readonly #notify: Notify;
  /** Check values by version. */
  readonly #known: Map<string, string>;

  /**
   * An unusable ledger prevents nothing: a key that decrypts its own data is worth more than the evidence that it is
   * the right one, and a wrong key is found by its sentinel. {@linkcode KeyLedger.note} warns of the file.
   */
  static async open(settings: LocalSettings, context: ProviderContext): Promise<KeyLedger> {
    const { stateFolder } = context;
    return new KeyLedger(settings, context, stateFolder === undefined ? [] : await knownOrNone(stateFolder));
  }

  private constructor(settings: LocalSettings, context: ProviderContext, known: readonly KnownKey[]) {
    this.#settings = settings;
    this.#folder = context.stateFolder;
    this.#keeps = !(context.readOnlyState ?? false);
    this.#notify = context.notify;
    this.#known = new Map(known.map(({ version, check }) => [version, check]));
  }

  /**
   * Compares keys that were just read with the recorded ones.
   *
   * @returns the end of a sentence that names the file and the first version that differs; `undefined` if none differs.
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

  /** Records valid keys. If they cannot be written, it emits a warning and the keys are used nevertheless. */
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

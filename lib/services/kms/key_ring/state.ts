/**
 * The state of a node between two runs: the counted versions and the announced key IDs. It contains no secret.
 *
 * @module
 */
import { utf8, utf8Text } from "../../../base/bytes.ts";
import { readRegularFile, replaceFile, whyUnreadable } from "../../../base/durable_file.ts";
import { KmsError } from "../../../base/errors.ts";
import { whyUnwritable } from "../../../base/file_failures.ts";
import type { KeyState } from "../../../provider/provider.ts";
import type { KeyIdMember } from "./key_id.ts";
import type { WrapSet } from "./wrap_sets.ts";

/** A key ID that this node announced. Times are milliseconds since the epoch. */
export interface AnnouncedId {
  readonly id: string;
  readonly at: number;
  readonly keyEpoch: number;
  readonly provisional: boolean;
  readonly members: readonly KeyIdMember[];
}

/** The content of the state file. */
export interface RingState {
  readonly format: 1;
  readonly providers: readonly { readonly name: string; readonly kind: string; readonly state: KeyState }[];
  /** The announced key IDs, oldest first. */
  readonly history: readonly AnnouncedId[];
  /** The minimal sets of providers that have wrapped a data key; absent in files of older versions. */
  readonly sealedBy?: readonly WrapSet[];
}

/** A store of the state. */
export interface RingStore {
  /** Reads the state; `undefined` on a new node. */
  load(): Promise<RingState | undefined>;
  /** Writes the state. Resolves when it would survive a power cut. */
  save(state: RingState): Promise<void>;
}

/** Maximum number of key IDs in the file: with one rotation a day, those of 27 years. An ID has about 300 bytes. */
const maxHistory = 10_000;
const fileName = "key-ring.json";
const format = 1;

/** In bytes: a history of so many IDs, each with eight members whose names and versions are as long as they may be. */
const largestState = maxHistory * 4096;

/** A store in a folder, which is made if it does not exist. */
export function folderStore(folder: string): RingStore {
  return { load: () => readRingState(folder), save: (state) => writeRingState(folder, state) };
}

/** The path of the state file. */
export function ringStateFile(folder: string): string {
  return `${folder}/${fileName}`;
}

/**
 * Reads the state of a node.
 *
 * @returns the state; `undefined` if there is no file.
 * @throws {KmsError} `config` if the file cannot be read or is not valid. The operator must decide then: without the file,
 *   an earlier key ID could be announced again.
 */
export async function readRingState(folder: string): Promise<RingState | undefined> {
  const path = ringStateFile(folder);
  const bytes = await readRegularFile(path, largestState).catch((thrown) => {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw new KmsError("config", `Cannot read the key IDs of this node from ${path}: ${whyUnreadable(thrown, path)}.`, {
      cause: thrown,
    });
  });
  if (bytes === undefined) return undefined;
  const text = utf8Text(bytes) ?? "";
  const state = parseRingState(text);
  if (state) return state;
  const newer = newerFormat(text);
  if (newer !== undefined) {
    throw new KmsError(
      "config",
      `Cannot use the key IDs of this node in ${path}: a newer version of Trousseau wrote them (format ${newer}, this ` +
        `version reads ${format}); start that version, or restore the file as it was before the upgrade.`,
    );
  }
  const advice = "restore it, or move it away if no key ID of this node may come back";
  throw new KmsError("config", `Cannot use the key IDs of this node in ${path}: the file is damaged; ${advice}.`);
}

/** The format number of a newer version's text; `undefined` for any other text. */
function newerFormat(text: string): number | undefined {
  const value = parsedJson(text);
  return isFields(value) && Number.isSafeInteger(value.format) && Number(value.format) > format
    ? Number(value.format)
    : undefined;
}

/** Parses the JSON text of a state; `undefined` if it is not valid. */
export function parseRingState(text: string): RingState | undefined {
  const value = parsedJson(text);
  return isRingState(value) ? value : undefined;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function writeRingState(folder: string, state: RingState): Promise<void> {
  const kept: RingState = { ...state, history: state.history.slice(-maxHistory) };
  const path = ringStateFile(folder);
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await replaceFile(path, utf8(`${JSON.stringify(kept)}\n`), 0o600);
  } catch (thrown) {
    const message = `Cannot write the key IDs of this node to ${path}: ${whyUnwritable(thrown, path)}.`;
    throw new KmsError("config", message, { cause: thrown });
  }
}

type Fields = { readonly [key: string]: unknown };

function isRingState(value: unknown): value is RingState {
  return isFields(value) && value.format === format && isArrayOf(value.providers, isKnown) &&
    isArrayOf(value.history, isAnnounced) &&
    (value.sealedBy === undefined || isArrayOf(value.sealedBy, (set) => isArrayOf(set, isWrapMember)));
}

function isWrapMember(value: unknown): boolean {
  return isFields(value) && isText(value.name) && isText(value.kind);
}

function isKnown(value: unknown): boolean {
  return isFields(value) && isText(value.name) && isText(value.kind) && isFields(value.state) &&
    isText(value.state.version) && (value.state.order === undefined || Number.isFinite(value.state.order));
}

function isAnnounced(value: unknown): boolean {
  return isFields(value) && isText(value.id) && Number.isFinite(value.at) && Number.isSafeInteger(value.keyEpoch) &&
    typeof value.provisional === "boolean" &&
    isArrayOf(value.members, (m) => isFields(m) && isText(m.name) && isText(m.kind) && isText(m.version));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isArrayOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test);
}

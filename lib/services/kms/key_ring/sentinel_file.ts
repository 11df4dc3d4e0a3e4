/**
 * The sentinels of a node, in `sentinels.json` of its state folder. Only `serve` writes the file. During a takeover two
 * `serve` processes do, so that each change reads the file, changes it and writes it under a lock.
 *
 * @module
 */
import { base64, fromBase64 } from "../../../base/bytes.ts";
import { formatSizes } from "../../../envelope/format.ts";
import { type ErrorCode, errorCodes } from "../../../base/errors.ts";
import { providerLimits } from "../../../provider/provider.ts";
import { stateFile } from "../../../base/state_file.ts";
import { updateState } from "../../../base/state_update.ts";
import type { Sentinel, SentinelTest } from "./sentinel.ts";

/** A store of sentinels. */
export interface SentinelStore {
  /** @throws {KmsError} `config` if the store cannot be read. */
  load(): Promise<readonly Sentinel[]>;
  /**
   * Replaces the stored sentinels with the result of `change`. Resolves when they would survive a power cut.
   *
   * @returns the stored sentinels after the change.
   * @throws {KmsError} `config` if the store cannot be read or written.
   */
  update(change: (kept: readonly Sentinel[]) => readonly Sentinel[]): Promise<readonly Sentinel[]>;
}

/**
 * `count`: number of sentinels; the newest are kept. `bytes`: size of the file, enough for `count` sentinels with the
 * longest wraps. `message`: length of a test's message in characters.
 */
const sentinelLimits = { count: 1024, bytes: 10 * 1024 * 1024, message: 512 } as const;

/** A store in the state folder. */
export function folderSentinels(folder: string): SentinelStore {
  const file = stateFile<SentinelsDocument>(folder, {
    name: "sentinels.json",
    content: "the sentinels of this node",
    format: 1,
    maxBytes: sentinelLimits.bytes,
    parse: parseSentinels,
    advice: "restore it, or remove it: then versions that were sealed with before are not tested any more",
  });
  return {
    load: async () => (await file.read())?.sentinels.map(fromRow) ?? [],
    update: async (change) => {
      const written = await updateState(folder, file, (found) => ({
        sentinels: bounded(change(found?.sentinels.map(fromRow) ?? [])).map(toRow),
      }));
      return written?.sentinels.map(fromRow) ?? [];
    },
  };
}

/** A store that lasts as long as the process. */
export function memorySentinels(): SentinelStore {
  let kept: readonly Sentinel[] = [];
  return {
    load: () => Promise.resolve(kept),
    update: (change) => Promise.resolve(kept = bounded(change(kept))),
  };
}

function bounded(sentinels: readonly Sentinel[]): readonly Sentinel[] {
  if (sentinels.length <= sentinelLimits.count) return sentinels;
  return sentinels.toSorted((a, b) => b.madeAt - a.madeAt).slice(0, sentinelLimits.count);
}

interface SentinelRow {
  readonly provider: string;
  readonly kind: string;
  readonly version: string;
  readonly keyId: string;
  readonly madeAt: number;
  /** Base64. */
  readonly wrapped: string;
  /** Base64. */
  readonly envelope: string;
  readonly sha256: string;
  readonly test?: SentinelTest;
  readonly lost: boolean;
}

interface SentinelsDocument {
  readonly sentinels: readonly SentinelRow[];
}

function toRow({ wrapped, envelope, test, ...rest }: Sentinel): SentinelRow {
  const row = { ...rest, wrapped: base64(wrapped), envelope: base64(envelope) };
  return test === undefined
    ? row
    : { ...row, test: { ...test, message: test.message.slice(0, sentinelLimits.message) } };
}

function fromRow({ wrapped, envelope, test, ...rest }: SentinelRow): Sentinel {
  const bytes = (text: string) => fromBase64(text) ?? new Uint8Array();
  return { ...rest, wrapped: bytes(wrapped), envelope: bytes(envelope), test };
}

function parseSentinels({ sentinels }: { readonly [key: string]: unknown }): SentinelsDocument | undefined {
  return isArrayOf(sentinels, isRow) && sentinels.length <= sentinelLimits.count ? { sentinels } : undefined;
}

function isRow(value: unknown): value is SentinelRow {
  return isFields(value) && isText(value.provider, 63) && isText(value.kind, 64) &&
    isText(value.version, providerLimits.version) && isText(value.keyId, formatSizes.keyId) && isTime(value.madeAt) &&
    isBase64(value.wrapped, providerLimits.ciphertext) && isBase64(value.envelope, formatSizes.envelope) &&
    typeof value.sha256 === "string" && /^[0-9a-f]{64}$/.test(value.sha256) &&
    (value.test === undefined || isTest(value.test)) && typeof value.lost === "boolean";
}

function isTest(value: unknown): value is SentinelTest {
  return isFields(value) && isTime(value.at) && (value.code === "ok" || isCode(value.code)) &&
    typeof value.message === "string" && value.message.length <= sentinelLimits.message;
}

function isCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorCodes, value);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 8.64e15;
}

function isText(value: unknown, most: number): value is string {
  return typeof value === "string" && value !== "" && value.length <= most;
}

function isBase64(value: unknown, most: number): value is string {
  if (typeof value !== "string") return false;
  const bytes = fromBase64(value);
  return bytes !== undefined && bytes.length > 0 && bytes.length <= most;
}

function isFields(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isArrayOf<T>(value: unknown, test: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(test);
}

/**
 * The checkpoint of a store in a file of one server: compared with the store at the start and at intervals, and then made
 * anew. A difference is a finding, which stays until an operator removes its file.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { utf8, utf8Text } from "../../../base/bytes.ts";
import { rfc3339 } from "../../../base/clock.ts";
import { readRegularFile, replaceFile } from "../../../base/durable_file.ts";
import { verifiedCheckpoint } from "./checkpoint.ts";
import { CheckpointListReader, removeFile } from "./checkpoint_list.ts";
import { type CheckpointDifference, CheckpointPass, type CheckpointPlace } from "./checkpoint_pass.ts";
import type { SealedRecordStore } from "./record_store.ts";

/** Options of {@linkcode Checkpoints}. */
export interface CheckpointsOptions {
  readonly store: SealedRecordStore;
  /** Of the file, in the state folder of the server. */
  readonly path: string;
  /** The private Ed25519 key of the audit. */
  readonly signingKey: KeyObject;
  /** Called with the sentence of a finding. */
  readonly onFinding: (sentence: string) => void;
}

/** Maximum length of the file with a finding in bytes. */
const maxFinding = 4_096;

/** See the module. */
export class Checkpoints {
  readonly #place: CheckpointPlace;
  readonly #onFinding: CheckpointsOptions["onFinding"];
  #line: string | undefined;
  #finding: string | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor({ store, path, signingKey, onFinding }: CheckpointsOptions) {
    this.#place = { store, path, signingKey, publicKey: createPublicKey(signingKey) };
    this.#onFinding = onFinding;
  }

  /** The newest checkpoint as a signed line; `undefined` before the first one was made. */
  get line(): string | undefined {
    return this.#line;
  }

  /** A sentence; `undefined` while there is no finding. */
  get finding(): string | undefined {
    return this.#finding;
  }

  /**
   * Reads the finding that is kept, and takes the state of the store as it is now, for {@linkcode Checkpoints.run}. Later
   * writes have a greater revision than the checkpoint, also if the clock was set back.
   *
   * @throws {KeyringError} `store_unavailable`. @throws {Error} of the file system.
   */
  async begin(signal: AbortSignal): Promise<CheckpointPass> {
    const { path, publicKey, store } = this.#place;
    this.#finding = await keptFinding(path);
    using list = await CheckpointListReader.open(path);
    const kept = verifiedCheckpoint(list?.line ?? "", publicKey);
    if (kept !== undefined) store.continueAfter(kept.newestRevision);
    return await CheckpointPass.begin(this.#place, signal);
  }

  /** Compares the store with its checkpoint and makes the next one, after the run before. @param begun by `begin`. */
  run(signal: AbortSignal, begun?: CheckpointPass): Promise<void> {
    const run = this.#turn.then(() => this.#run(signal, begun));
    this.#turn = run.catch(() => undefined);
    return run;
  }

  async #run(signal: AbortSignal, begun: CheckpointPass | undefined): Promise<void> {
    const { path } = this.#place;
    await using pass = begun ?? await CheckpointPass.begin(this.#place, signal);
    this.#finding = await keptFinding(path);
    const { line } = await pass.end(async (difference) => {
      const sentence = checkpointFinding(difference, path);
      if (sentence === undefined) return;
      await replaceFile(findingPath(path), utf8(`${sentence}\n`), 0o600);
      this.#finding = sentence;
      this.#onFinding(sentence);
    });
    this.#line = line;
  }
}

/** Compares a store with the checkpoint in a file, and changes nothing. @returns sentences; none if all is sound. */
export async function checkpointFindings(
  { store, path, signingKey }: Omit<CheckpointsOptions, "onFinding">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using pass = await CheckpointPass.begin({
    store,
    path,
    signingKey,
    publicKey: createPublicKey(signingKey),
  }, signal);
  const { difference } = await pass.end();
  const found = [await keptFinding(path), checkpointFinding(difference, path)];
  return [...new Set(found.filter((sentence) => sentence !== undefined))];
}

/** Removes the checkpoint and its finding, for a store that was restored. */
export async function forgetCheckpoint(path: string): Promise<void> {
  await removeFile(path);
  await removeFile(findingPath(path));
}

/** The sentence for a difference; `undefined` if there is none. @param path of the checkpoint. */
export function checkpointFinding(difference: CheckpointDifference, path: string): string | undefined {
  const { checkpoint, since, putBack, missing, tables } = difference;
  const after = `find out who can write the store, restore a backup or revoke anew, and then remove "${
    findingPath(path)
  }".`;
  if (checkpoint === "damaged") {
    return `The checkpoint "${path}" was changed, or is one of another store: ${after}`;
  }
  const parts = [
    ...(putBack === 0 ? [] : [`${putBack} ${putBack === 1 ? "row was" : "rows were"} put back to an older state`]),
    ...(missing === 0 ? [] : [`${missing} ${missing === 1 ? "row is" : "rows are"} missing`]),
  ];
  if (parts.length === 0) return undefined;
  const time = rfc3339(since ?? 0) ?? "an unknown time";
  return `Since the checkpoint of ${time}, ${parts.join(", and ")} (${tables.join(", ")}): ${after}`;
}

async function keptFinding(path: string): Promise<string | undefined> {
  try {
    return utf8Text(await readRegularFile(findingPath(path), maxFinding))?.trim();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

function findingPath(path: string): string {
  return `${path}.finding`;
}

/**
 * Writes lines of an audit in order: it knows the end of the chain and of the file, one write at a time.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { auditFormat, chainOrigin, type ChainPosition } from "../../../api/keyring/audit_format.ts";
import type { KeyringError } from "../../../api/keyring/problems.ts";
import { concat } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { ChainFile, unavailable } from "./chain_file.ts";
import { rotatedTail } from "./chain_tail.ts";
import { type BatchLine, type Fragment, LineBatch } from "./line_batch.ts";

/** Settings of a chain. */
export interface ChainSettings {
  /** The file. A new one gets the mode 0600. */
  readonly path: string;
  /** Stands in each signed line: each server has a chain of its own. */
  readonly serverId: string;
  /** A private Ed25519 key. */
  readonly signingKey: KeyObject;
  readonly clock: Clock;
  /** The newest checkpoint of the store, for signed lines. */
  readonly checkpoint?: () => string | undefined;
  /** A place that the chain had reached by another record of it. If the file ends before it, the next line says so. */
  readonly known?: ChainPosition;
}

/** The end of the chain. */
export interface AuditHead {
  /** Number of the last line. */
  readonly lines: number;
  /** Its hash in lowercase hexadecimal. */
  readonly hash: string;
  /** Its time in milliseconds since the epoch. */
  readonly at: number;
  /** The last signed line, for keeping elsewhere. */
  readonly signed: string;
}

/** When a line is signed. */
export const headIntervals = { ms: 60_000, lines: 1000 } as const;

/** A line that is to be written. */
export interface PlannedLine {
  readonly kind: "entry" | "denied" | "lost" | "start" | "torn" | "head";
  readonly fields: object;
}

/** The result of a write. */
export interface WriteResult {
  /** Number of the planned lines, from the first, that are in the kernel. */
  readonly written: number;
  /** Absent if all are. */
  readonly failure?: KeyringError;
}

/** The end of a chain. Its methods must not be called while another one is running. */
export class ChainWriter {
  readonly #settings: ChainSettings;
  #file: ChainFile;
  #position: ChainPosition;
  #fragment: Fragment | undefined;
  #start: object | undefined;
  #head: AuditHead;
  #sinceHead = 0;
  #headAt: number;
  #checkpoint: unknown;
  #headDue = true;

  private constructor(settings: ChainSettings, file: ChainFile, { position, fragment, missing }: Resumed) {
    this.#settings = settings;
    this.#file = file;
    this.#position = position;
    this.#fragment = fragment;
    this.#start = missing === 0 ? {} : { missing };
    this.#headAt = settings.clock.now();
    this.#head = { lines: position.seq, hash: position.hash, at: settings.clock.wall(), signed: "" };
  }

  /**
   * Opens or creates the file, closes a cut-off write of a crash by a marker, and writes the first lines.
   *
   * @throws {KeyringError} `audit_unavailable`
   */
  static async open(settings: ChainSettings): Promise<ChainWriter> {
    const file = await ChainFile.open(settings.path);
    try {
      const writer = new ChainWriter(settings, file, await resumed(file, settings.known));
      const { failure } = await writer.write([]);
      if (failure !== undefined) throw failure;
      return writer;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  get head(): AuditHead {
    return this.#head;
  }

  /** Has the next write sign the last line, if it is time. @param always whether it is time in any case. */
  requestHead(always: boolean): boolean {
    const { clock, checkpoint } = this.#settings;
    const isNew = this.#sinceHead > 0 || checkpoint?.() !== this.#checkpoint;
    this.#headDue ||= always || (isNew && clock.now() - this.#headAt >= headIntervals.ms);
    return this.#headDue;
  }

  /** Writes lines, and those that are due. It does not throw for a failure of the file. */
  async write(planned: readonly PlannedLine[]): Promise<WriteResult> {
    const batch = this.#batch(planned);
    if (batch.lines.length === 0) return { written: 0 };
    const bytes = batch.bytes();
    const { written, failure } = await this.#file.append(bytes);
    const done = batch.lines.filter(({ end }) => end <= written);
    for (const line of done) this.#commit(line);
    if (failure === undefined) return { written: planned.length };
    await this.#giveUp(bytes.subarray(done.at(-1)?.end ?? 0, written));
    return { written: done.filter(({ origin }) => planned.includes(origin)).length, failure };
  }

  /** Writes the content to the disk. It may run beside a write. @throws {KeyringError} `audit_unavailable` */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /**
   * Opens the path again and goes on there.
   *
   * @throws {KeyringError} `audit_unavailable`; the chain then goes on in the old file.
   */
  async reopen(): Promise<WriteResult> {
    const next = await ChainFile.open(this.#settings.path);
    try {
      const { position, fragment } = await next.tail();
      const isEmpty = position === undefined && fragment.length === 0;
      if (!isEmpty && position?.hash !== this.#position.hash) {
        throw unavailable(
          next.path,
          "the file does not end with the last line of this audit; move it away, then send SIGHUP",
        );
      }
      if (!await next.isSame(this.#file)) await this.#leave(isEmpty);
      await this.#file.close();
      this.#file = next;
      if (fragment.length > 0) this.#fragment = { bytes: fragment, inThisFile: true };
    } catch (thrown) {
      await next.close();
      throw thrown;
    }
    this.#headDue = true;
    return await this.write([]);
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  #batch(planned: readonly PlannedLine[]): LineBatch<PlannedLine> {
    const { clock, serverId: server } = this.#settings;
    const batch = new LineBatch<PlannedLine>(this.#position, clock.wall());
    if (this.#fragment !== undefined) batch.closeFragment(this.#fragment, { kind: "torn", fields: {} });
    const start = { format: auditFormat, server, ...this.#start };
    if (this.#start !== undefined) batch.add("start", start, { kind: "start", fields: start });
    let sinceHead = this.#sinceHead + batch.lines.length;
    for (const line of planned) {
      batch.add(line.kind, line.fields, line);
      if (++sinceHead < headIntervals.lines) continue;
      this.#sign(batch);
      sinceHead = 0;
    }
    if (this.#headDue && batch.lines.at(-1)?.origin.kind !== "head") this.#sign(batch);
    return batch;
  }

  #sign(batch: LineBatch<PlannedLine>): void {
    const { serverId: server, signingKey, checkpoint } = this.#settings;
    const current = checkpoint?.();
    const fields = { server, ...(current === undefined ? {} : { checkpoint: current }) };
    batch.addSigned(fields, signingKey, { kind: "head", fields });
  }

  /** Takes over a line that is in the kernel. */
  #commit({ origin: { kind, fields }, position, text }: BatchLine<PlannedLine>): void {
    const { clock } = this.#settings;
    const signed = kind === "head" ? text : this.#head.signed;
    this.#position = position;
    this.#head = { lines: position.seq, hash: position.hash, at: clock.wall(), signed };
    this.#sinceHead++;
    if (kind === "torn") this.#fragment = undefined;
    if (kind === "start") this.#start = undefined;
    if (kind !== "head") return;
    [this.#sinceHead, this.#headDue, this.#headAt] = [0, false, clock.now()];
    this.#checkpoint = Reflect.get(fields, "checkpoint");
  }

  /** Removes the bytes of a failed write that are no whole line; where that is not possible, a marker follows later. */
  async #giveUp(rest: Uint8Array): Promise<void> {
    if (rest.length === 0 || await this.#file.cut(this.#file.size - rest.length)) return;
    const before = this.#fragment?.inThisFile ? this.#fragment.bytes : new Uint8Array();
    this.#fragment = { bytes: concat(before, rest), inThisFile: true };
  }

  /** Signs the last line of a file that is left, as far as that can be written. */
  async #leave(toNewFile: boolean): Promise<void> {
    this.#headDue = true;
    // A copy that was put in the place of the file ends with the line that is the last one now.
    if (!toNewFile) return;
    await this.write([]);
    await this.#file.sync().catch(() => undefined);
    if (this.#fragment !== undefined) this.#fragment = { ...this.#fragment, inThisFile: false };
    this.#start = {};
  }
}

interface Resumed {
  readonly position: ChainPosition;
  readonly fragment: Fragment | undefined;
  /** Number of lines that are known to have been written and are not there. */
  readonly missing: number;
}

async function resumed(file: ChainFile, known: ChainPosition | undefined): Promise<Resumed> {
  const own = await file.tail();
  const rotated = own.position === undefined ? await rotatedTail(file.path) : undefined;
  const found = own.position ?? rotated?.position ?? chainOrigin;
  const bytes = own.fragment.length > 0 ? own.fragment : rotated?.fragment ?? own.fragment;
  const fragment = bytes.length === 0 ? undefined : { bytes, inThisFile: bytes === own.fragment };
  const missing = Math.max(0, (known?.seq ?? 0) - found.seq);
  return { position: missing > 0 && known !== undefined ? known : found, fragment, missing };
}

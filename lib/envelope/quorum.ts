/**
 * Wraps one data key with all providers at once; a quorum of them has to succeed.
 *
 * @module
 */
import { equalBytes } from "../base/bytes.ts";
import { orAborted } from "../base/deadline.ts";
import { KmsError, toKmsError } from "../base/errors.ts";
import type { CallOptions, KeyState, Provider } from "../provider/provider.ts";
import type { Wrap } from "./wrap.ts";

/** `all`, `any` (one), or a number. */
export type WrapQuorum = "all" | "any" | number;

/** A provider and the version to wrap under. */
export interface QuorumMember {
  readonly provider: Provider;
  /** If left out, the version that a probe returns just before the wrap. */
  readonly at?: KeyState;
}

/** The wraps that were made, and the failures by provider. */
export interface WrapReport {
  readonly wraps: readonly Wrap[];
  /** How many of the wraps count in a quorum: those of providers that can unwrap. */
  readonly counted: number;
  readonly failures: ReadonlyMap<string, KmsError>;
}

/** Bounds of {@linkcode wrapByAll}. */
export interface WrapCall extends CallOptions {
  /** Called after each wrap that counts in a quorum, with their number so far. */
  readonly onWrap?: (counted: number) => void;
}

/**
 * How many wraps a quorum needs, at least one: without a provider that can unwrap it cannot be reached.
 *
 * @param count of the providers that can unwrap.
 */
export function quorumSize(quorum: WrapQuorum, count: number): number {
  if (quorum === "all") return Math.max(1, count);
  if (quorum === "any") return 1;
  return Math.max(1, Math.min(quorum, count));
}

/**
 * Wraps `bytes` with every member at once and waits for all of them until the signal fires. A slow provider is worth the
 * wait: without its wrap it cannot unwrap the data key in an outage of the others.
 *
 * Each wrap is unwrapped by its own provider and compared before it is used. This costs one more call for each data key
 * and provider, and finds a KMS that returns wrong bytes while other providers can still wrap. A provider that only wraps
 * cannot be checked so: its wrap is kept, and does not count in the quorum.
 *
 * @param bytes a tagged data key, 47 bytes.
 * @returns the result of each member; {@linkcode requireQuorum} checks whether it is enough.
 */
export async function wrapByAll(
  bytes: Uint8Array,
  members: readonly QuorumMember[],
  call: WrapCall,
): Promise<WrapReport> {
  const { onWrap = () => {} } = call;
  const failures = new Map<string, KmsError>();
  let counted = 0;
  const results = await Promise.all(members.map(async (member) => {
    try {
      const wrap = await checkedWrap(bytes, member, call);
      if (member.provider.canUnwrap) onWrap(++counted);
      return wrap;
    } catch (thrown) {
      failures.set(member.provider.name, toKmsError(thrown));
      return undefined;
    }
  }));
  return { wraps: results.filter((wrap) => wrap !== undefined), counted, failures };
}

async function checkedWrap(bytes: Uint8Array, { provider, at }: QuorumMember, call: CallOptions): Promise<Wrap> {
  const { signal } = call;
  const action = `wrap with provider "${provider.name}"`;
  // A copy for each call: a provider that overwrites its argument must not change the bytes of the others.
  const now = at ?? await orAborted(provider.probe(call), signal, action, "after this turn");
  const wrapped = await orAborted(provider.wrap(bytes.slice(), now, call), signal, action, "after this turn");
  const wrap = { name: provider.name, version: wrapped.version, ciphertext: wrapped.ciphertext };
  if (!provider.canUnwrap) return wrap;
  const opened = await orAborted(provider.unwrap(wrapped, call), signal, action, "after this turn");
  if (equalBytes(opened, bytes)) return wrap;
  throw new KmsError("provider_protocol", `Cannot ${action}: what it wrapped does not open to the same bytes.`);
}

/**
 * Checks that enough wraps were made.
 *
 * @throws {KmsError} `quorum_not_reached`, with the error of each member; the member's own error if it is the only one.
 */
export function requireQuorum({ counted, failures }: WrapReport, needed: number): void {
  if (counted >= needed) return;
  const members = [...failures.values()];
  const [only] = members;
  if (members.length === 1 && only && needed === 1) throw only;
  const reasons = members.map((member) => member.message).join(" ");
  const message = `Cannot wrap: ${counted} of ${needed} needed providers did. ${reasons}`.trim();
  throw new KmsError("quorum_not_reached", message, { members });
}

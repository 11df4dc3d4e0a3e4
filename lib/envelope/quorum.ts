/**
 * One data key, wrapped by all providers at once, of which enough have to succeed.
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

/** A provider and the version that it shall wrap under. */
export interface QuorumMember {
  readonly provider: Provider;
  /** Left out, the one that it says when it is asked to wrap. */
  readonly at?: KeyState;
}

/** Who wrapped and who did not. */
export interface WrapReport {
  readonly wraps: readonly Wrap[];
  readonly failures: ReadonlyMap<string, KmsError>;
}

/** How wraps are waited for. */
export interface WrapCall extends CallOptions {
  /** Told after each wrap how many there are. */
  readonly onWrap?: (wraps: number) => void;
}

/** How many wraps a quorum needs, at least one and at most `count`. */
export function quorumSize(quorum: WrapQuorum, count: number): number {
  if (quorum === "all") return count;
  if (quorum === "any") return 1;
  return Math.max(1, Math.min(quorum, count));
}

/**
 * Wraps `bytes` with every member at once and waits for all of them until the signal fires: one that is slow is worth
 * a wait, since what it did not wrap it cannot open in the others' outage.
 *
 * A wrap counts only when its own provider has opened it again to the same bytes. It costs one more call for each data
 * key and provider, and it means that a KMS which answers nonsense is found while the seed can still be sealed elsewhere,
 * not when the others are gone.
 *
 * @param bytes what providers wrap, 47 bytes.
 * @returns what each member did; {@linkcode requireQuorum} says whether that is enough.
 */
export async function wrapByAll(
  bytes: Uint8Array,
  members: readonly QuorumMember[],
  call: WrapCall,
): Promise<WrapReport> {
  const { onWrap = () => {} } = call;
  const failures = new Map<string, KmsError>();
  let count = 0;
  const results = await Promise.all(members.map(async (member) => {
    try {
      const wrap = await provenWrap(bytes, member, call);
      onWrap(++count);
      return wrap;
    } catch (thrown) {
      failures.set(member.provider.name, toKmsError(thrown));
      return undefined;
    }
  }));
  return { wraps: results.filter((wrap) => wrap !== undefined), failures };
}

async function provenWrap(bytes: Uint8Array, { provider, at }: QuorumMember, call: CallOptions): Promise<Wrap> {
  const { signal } = call;
  const action = `wrap with provider "${provider.name}"`;
  // Each call gets its own copy: a provider that wiped or kept what it was lent would spoil it for the others.
  const now = at ?? await orAborted(provider.probe(call), signal, action, "after this turn");
  const wrapped = await orAborted(provider.wrap(bytes.slice(), now, call), signal, action, "after this turn");
  const opened = await orAborted(provider.unwrap(wrapped, call), signal, action, "after this turn");
  if (!equalBytes(opened, bytes)) {
    throw new KmsError("provider_protocol", `Cannot ${action}: what it wrapped does not open to the same bytes.`);
  }
  return { name: provider.name, version: wrapped.version, ciphertext: wrapped.ciphertext };
}

/**
 * Lets a report pass that has wraps enough.
 *
 * @throws {KmsError} `quorum_not_reached`, with what each member said; where one wrap is needed of one, its own error.
 */
export function requireQuorum({ wraps, failures }: WrapReport, needed: number): void {
  if (wraps.length >= needed) return;
  const members = [...failures.values()];
  const [only] = members;
  if (members.length === 1 && only && needed === 1) throw only;
  const reasons = members.map((member) => member.message).join(" ");
  const message = `Cannot wrap: ${wraps.length} of ${needed} needed providers did. ${reasons}`.trim();
  throw new KmsError("quorum_not_reached", message, { members });
}

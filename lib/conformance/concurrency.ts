/**
 * Criteria for a plugin with several clients, concurrent calls and impatient callers. Each exported function tries one
 * row of `criteria.ts`.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { deadline } from "../base/deadline.ts";
import { apiServerDeadlineMs } from "../api/kms/limits.ts";
import { toolUid } from "../api/kms/tool_uid.ts";
import { flipped } from "./changes.ts";
import { comesBack } from "./round_trips.ts";
import { isBad, newPlaintext, openAtOnce, type Sealer } from "./sealer.ts";
import type { Subject } from "./subject.ts";
import { Unmet } from "./verdict.ts";

/** Number of concurrent calls. */
const concurrentCalls = 40;

/** Number of calls that are cancelled. */
const cancelledCalls = 20;

/** Concurrent v2 calls, some with a changed ciphertext, each get the response to their own request. */
export async function answersAtOnce(subject: Subject): Promise<string> {
  const sealed = await subject.v2().seal(newPlaintext());
  return await atOnce(subject.v2(), {
    ...sealed,
    ciphertext: flipped(sealed.ciphertext, sealed.ciphertext.length - 1),
  });
}

/** The same for v1beta1. */
export async function answersV1AtOnce(subject: Subject): Promise<string> {
  const cipher = await subject.v1beta1().seal(newPlaintext());
  return await atOnce(subject.v1beta1(), flipped(cipher, cipher.length - 1));
}

async function atOnce<S>(sealer: Sealer<S>, bad: S): Promise<string> {
  const plaintexts = Array.from({ length: concurrentCalls }, () => newPlaintext());
  const openings = await openAtOnce(sealer, plaintexts, bad);
  const good = openings.filter((_, index) => !isBad(index));
  const lost = good.filter(({ result }) => result !== "same");
  if (lost.length > 0) {
    throw new Unmet(`${lost.length} of ${good.length} good calls failed: ${lost[0]?.error?.message ?? "other bytes"}`);
  }
  return `${concurrentCalls} calls, bad ones among them`;
}

/** Several API servers may share a plugin, and one of them can disconnect while others have calls in progress. */
export async function servesTwoClients(subject: Subject): Promise<string> {
  const plaintext = newPlaintext();
  const [one, other] = [subject.dial(), subject.dial()];
  const sealed = await subject.v2(one).seal(plaintext);
  const running = Array.from({ length: 10 }, () => comesBack(subject.v2(other), [32]));
  await one[Symbol.asyncDispose]();
  await Promise.all(running);
  const opened = await subject.v2(other).open(sealed);
  if (opened.some((byte, at) => byte !== plaintext[at])) throw new Unmet("it opened to other bytes");
  return "what one sealed, the other opened";
}

/** An impatient readiness probe or a call that reaches its deadline must not affect other callers. */
export async function survivesCancelledCalls(subject: Subject): Promise<string> {
  const sealed = await subject.v2().seal(newPlaintext());
  // The minimum of three: with one measurement that the machine delayed, all calls would be cancelled too late.
  let took = Infinity;
  for (let round = 0; round < 3; round++) {
    const began = systemClock.now();
    await subject.v2().open(sealed);
    took = Math.min(took, systemClock.now() - began);
  }
  const calls = Array.from({ length: cancelledCalls }, async (_, index) => {
    // Cancelled at points spread over the duration of a call: before it is read, during its processing, during its
    // response.
    using time = deadline(took * index / cancelledCalls, subject.signal);
    const request = { ...sealed, uid: toolUid() };
    await subject.client.v2.Decrypt(request, { signal: time.signal }).catch(() => {});
  });
  await Promise.all(calls);
  await subject.status();
  await comesBack(subject.v2(), [32, 32, 32]);
  return `${cancelledCalls} calls given up, and a good one after them`;
}

/** kube-apiserver 1.29 to 1.31 sends the percent-encoded path of the socket as `:authority`. */
export async function acceptsOldAuthority(subject: Subject): Promise<string> {
  const client = subject.dial({ authority: encodeURIComponent(subject.path) });
  await subject.status(client);
  await comesBack(subject.v2(client), [32]);
  return "";
}

/** Encrypt and Decrypt of v2 took at most `patience` in all criteria so far and in three more calls each. */
export async function isInTime(subject: Subject): Promise<string> {
  await comesBack(subject.v2(), [32, 32, 32]);
  const times = ["Encrypt", "Decrypt"].map((rpc) => [rpc, Math.ceil(subject.slowest.get(rpc) ?? 0)] as const);
  const late = times.find(([, ms]) => ms > apiServerDeadlineMs);
  if (late !== undefined) throw new Unmet(`${late[0]} took ${late[1]} ms`);
  return times.map(([rpc, ms]) => `${rpc} ${ms} ms`).join(", ");
}

/** The last criterion of v2 that sends requests. */
export const isStillWell = async (subject: Subject): Promise<string> => {
  const { healthz } = await subject.status();
  if (healthz !== "ok") throw new Unmet(`it says: ${healthz}`);
  return await comesBack(subject.v2(), [32]);
};

/**
 * Criteria for Status. kube-apiserver calls it once a minute and from each readiness probe, holding the lock of
 * Encrypt.
 *
 * @module
 */
import { complaintAboutStatus } from "../api/kms/limits.ts";
import type { Subject } from "./subject.ts";
import { meets, Unmet } from "./verdict.ts";

/** Number of calls of Status, alternating between two clients. */
const calls = 40;

/** Milliseconds. A plugin that takes longer does not answer from memory. */
const maxMs = 1000;

/** Version and key ID of Status are within kube-apiserver's limits. */
export async function statusIsSound(subject: Subject): Promise<string> {
  const status = await subject.status();
  meets(complaintAboutStatus(status));
  return `${status.version}, key_id ${status.key_id}`;
}

/** Status reports a healthy plugin. */
export async function isWell(subject: Subject): Promise<string> {
  const { healthz } = await subject.status();
  if (healthz !== "ok") throw new Unmet(`it says: ${healthz === "" ? "nothing" : healthz}`);
  return "";
}

/** All clients get the same version and key ID. */
export async function saysTheSame(subject: Subject): Promise<string> {
  const clients = [subject.client, subject.dial()];
  const answers = new Set<string>();
  for (let call = 0; call < calls; call++) {
    const { version, key_id: keyId } = await subject.status(clients[call % 2]);
    answers.add(JSON.stringify([version, keyId]));
  }
  if (answers.size > 1) throw new Unmet(`${answers.size} different answers in ${calls} calls`);
  return `${calls} calls`;
}

/** Status takes at most `maxMs`. */
export async function isQuick(subject: Subject): Promise<string> {
  for (let call = 0; call < calls; call++) await subject.status();
  const slowest = subject.slowest.get("Status") ?? 0;
  if (slowest > maxMs) throw new Unmet(`one answer took ${Math.round(slowest)} ms`);
  return `${Math.ceil(slowest)} ms at the longest`;
}

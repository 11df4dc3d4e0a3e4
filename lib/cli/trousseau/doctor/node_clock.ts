/**
 * The clock of this node against that of kube-apiserver.
 *
 * @module
 */
import { systemClock } from "../../../base/clock.ts";
import { deadline } from "../../../base/deadline.ts";
import { KmsError } from "../../../base/errors.ts";
import type { ApiServerStart } from "../../../config/apiserver/api_server.ts";
import type { HostFiles } from "../../../config/apiserver/host_files.ts";
import { HttpsEndpoint } from "../../../net/https/endpoint.ts";
import { clockAheadOf } from "../../../provider/clock_ahead.ts";
import { localApiServerAuthority, localApiServerName, localApiServerOrigin } from "../local_api_server.ts";
import { type DoctorFinding, found } from "./finding.ts";
import { clockLimitMs, clockTexts } from "./kms_findings.ts";

/** Milliseconds for the answer. */
const answerMs = 3_000;

/** Asks kube-apiserver for its time. Nothing is found if there is none on this node. */
export async function apiServerClock(
  start: ApiServerStart | undefined,
  files: HostFiles,
  signal: AbortSignal,
): Promise<readonly DoctorFinding[]> {
  if (start === undefined) return [];
  const origin = localApiServerOrigin(start.flags);
  const ca = await localApiServerAuthority(start.flags, start.pod, files);
  const aheadMs = ca === undefined ? undefined : await askTime(origin, ca, signal);
  if (aheadMs === undefined) return [found("clock-apiserver-unknown", { origin })];
  if (Math.abs(aheadMs) <= clockLimitMs) return [found("clock-apiserver", { origin })];
  return [found("clock-apiserver-off", { origin, ...clockTexts(aheadMs) })];
}

/** Milliseconds by which its clock is ahead. No credential is sent: a refusal tells the time too. */
async function askTime(origin: string, ca: string, signal: AbortSignal): Promise<number | undefined> {
  using limit = deadline(answerMs, signal);
  const tls = { ca, certificate: undefined, key: undefined, serverName: localApiServerName };
  try {
    using endpoint = new HttpsEndpoint("kube-apiserver", origin, tls);
    const sentAt = systemClock.wall();
    const request = { method: "GET", path: "/readyz", headers: {}, once: true } as const;
    const answer = await endpoint.ask(request, { signal: limit.signal, action: "ask for the time" });
    return clockAheadOf(answer.headers.date, sentAt);
  } catch (thrown) {
    if (thrown instanceof KmsError) return undefined;
    throw thrown;
  }
}

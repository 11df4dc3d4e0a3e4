/**
 * The clock of this node against that of kube-apiserver.
 *
 * @module
 */
import { systemClock } from "../../../base/clock.ts";
import { deadline } from "../../../base/deadline.ts";
import { KmsError } from "../../../base/errors.ts";
import type { ApiServerStart } from "../../../config/apiserver/api_server.ts";
import { flagValue } from "../../../config/apiserver/flags.ts";
import type { HostFiles } from "../../../config/apiserver/host_files.ts";
import { hostPathOf } from "../../../config/apiserver/static_pod.ts";
import { HttpsEndpoint } from "../../../net/https/endpoint.ts";
import { clockAheadOf } from "../../../provider/clock_ahead.ts";
import { type DoctorFinding, found } from "./finding.ts";
import { clockLimitMs, clockTexts } from "./kms_findings.ts";

/** Milliseconds for the answer. */
const answerMs = 3_000;

/** A name that the certificates of kubeadm, k3s and RKE2 contain. */
const apiServerName = "kubernetes";

/** Asks kube-apiserver for its time. Nothing is found if there is none on this node. */
export async function apiServerClock(
  start: ApiServerStart | undefined,
  files: HostFiles,
  signal: AbortSignal,
): Promise<readonly DoctorFinding[]> {
  if (start === undefined) return [];
  const origin = originOfApiServer(start);
  const ca = await authority(start, files);
  const aheadMs = ca === undefined ? undefined : await askTime(origin, ca, signal);
  if (aheadMs === undefined) return [found("clock-apiserver-unknown", { origin })];
  if (Math.abs(aheadMs) <= clockLimitMs) return [found("clock-apiserver", { origin })];
  return [found("clock-apiserver-off", { origin, ...clockTexts(aheadMs) })];
}

function originOfApiServer({ flags }: ApiServerStart): string {
  const address = flagValue(flags, "advertise-address") ?? "127.0.0.1";
  const host = address.includes(":") ? `[${address}]` : address;
  return `https://${host}:${flagValue(flags, "secure-port") ?? "6443"}`;
}

/** The authority of the cluster, which has issued the certificates of kubeadm's clients and servers. */
async function authority({ flags, pod }: ApiServerStart, files: HostFiles): Promise<string | undefined> {
  const path = flagValue(flags, "client-ca-file");
  const onNode = path === undefined || pod === undefined ? path : hostPathOf(pod, path);
  return onNode === undefined ? undefined : await files.text(onNode);
}

/** Milliseconds by which its clock is ahead. No credential is sent: a refusal tells the time too. */
async function askTime(origin: string, ca: string, signal: AbortSignal): Promise<number | undefined> {
  using limit = deadline(answerMs, signal);
  const tls = { ca, certificate: undefined, key: undefined, serverName: apiServerName };
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

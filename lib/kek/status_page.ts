/**
 * The status of a {@linkcode KekGroup} on the pages of the HTTP endpoint: the rows that each service's page has.
 *
 * Members of JSON are picked by name: no other field of a status is served. Times are RFC 3339's.
 *
 * @module
 */
import { aligned, jsonTime, type Readiness, textTime } from "../telemetry/pages.ts";
import { counted, minutes } from "./refused_decrypts.ts";
import type { DecryptStatus, KekGroupStatus, ProviderHealth, QuorumState, RefusedDecrypts } from "./status.ts";

/** The member `quorum`. */
export function quorumDocument(quorum: QuorumState) {
  if (quorum.state === "held") return { state: "held" };
  const { state, since, refused, message } = quorum;
  return { state, since: jsonTime(since), refused, message };
}

/** One of `providers`, `retired` or `wrapOnly`. */
export function healthDocument({ name, kind, health, code, message, since, lastGoodAt }: ProviderHealth) {
  return { name, kind, health, code, message, since: jsonTime(since), lastGoodAt: jsonTime(lastGoodAt) };
}

/** The member `wrapOnly`, which only a group with such providers has. */
export function wrapOnlyDocument({ wrapOnly }: KekGroupStatus) {
  return wrapOnly.length === 0 ? {} : { wrapOnly: wrapOnly.map(healthDocument) };
}

/** The effect of a loaded recovery key on the stored data. */
export const recoveryKeyWarning =
  "A recovery key is loaded: whoever has a public key and can write the stored data can forge it. Rewrite everything, " +
  "then start without --recovery-key.";

/** The member `recoveryKey`, which is there only while a recovery key is loaded. */
export function recoveryKeyDocument({ recoveryKeyLoaded }: Pick<KekGroupStatus, "recoveryKeyLoaded">) {
  return recoveryKeyLoaded ? { recoveryKey: recoveryKeyWarning } : {};
}

/** The member `decrypts`. */
export function decryptsDocument({ windowMs, refused, failing, lastOpenedAt }: DecryptStatus) {
  return { windowMs, failing, lastOpenedAt: jsonTime(lastOpenedAt), refused: refused.map(refusedDocument) };
}

function refusedDocument({ code, message, envelopes, since, lastAt }: RefusedDecrypts) {
  return { code, message, envelopes, since: jsonTime(since), lastAt: jsonTime(lastAt) };
}

/** The first line of the text: `ready`, or `not ready` and why. */
export function readinessLine({ ready, message }: Readiness): string {
  return `${ready ? "ready" : "not ready"}${message === "" ? "" : `: ${message}`}`;
}

/** The line of the quorum, that of a loaded recovery key, and those of refused Decrypts. */
export function groupLines(status: KekGroupStatus): readonly string[] {
  const { quorum, needed, providers, recoveryKeyLoaded, decrypts } = status;
  return [
    `quorum: ${needed} of ${providers.length} needed, ${quorumText(quorum)}`,
    ...(recoveryKeyLoaded ? [`recovery key: ${recoveryKeyWarning}`] : []),
    ...refusedLines(decrypts),
  ];
}

/** The table of providers. */
export function providerLines({ providers, retired, wrapOnly }: KekGroupStatus): readonly string[] {
  return aligned([
    ["PROVIDER", "KIND", "HEALTH", "SINCE", "WHY"],
    ...providers.map((provider) => textRow(provider)),
    ...wrapOnly.map((provider) => textRow(provider, "wrap only, ")),
    ...retired.map((provider) => textRow(provider, "retired, ")),
  ]);
}

/** The line about a failure of logs and audit; none without a failure. */
export function telemetryLines(problem: string): readonly string[] {
  return problem === "" ? [] : [`telemetry: ${problem}`];
}

function textRow({ name, kind, health, since, message }: ProviderHealth, role = ""): readonly string[] {
  return [name, kind, `${role}${health}`, textTime(since), message];
}

function refusedLines({ refused, windowMs, lastOpenedAt }: DecryptStatus): readonly string[] {
  if (refused.length === 0) return [];
  const last = lastOpenedAt === undefined ? "none opened since the start" : `last opened ${textTime(lastOpenedAt)}`;
  return [
    `refused Decrypts: ${counted(refused)} in the last ${minutes(windowMs)}, ${last}`,
    ...refused.map((one) => `  ${one.code}: ${counted([one])} since ${textTime(one.since)}: ${one.message}`),
  ];
}

function quorumText(quorum: QuorumState): string {
  return quorum.state === "held" ? "held" : `lost since ${textTime(quorum.since)}: ${quorum.message}`;
}

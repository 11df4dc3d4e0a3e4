/**
 * What the node says of itself to whoever asks over HTTP, as JSON or as a page of text.
 *
 * @module
 */
import { rfc3339 } from "../base/clock.ts";
import { counted, minutes, unreadable } from "../services/kms/readable.ts";
import type {
  DecryptStatus,
  ProviderStatus,
  QuorumState,
  RefusedDecrypts,
  RetiredStatus,
  SealedVersionStatus,
  ServiceStatus,
} from "../services/kms/service.ts";
import { keyIdHash } from "./status_metrics.ts";
import { escapedText } from "./text.ts";

/** What the outage policy makes of a status. */
export interface Verdict {
  readonly ready: boolean;
  /** Why, in one sentence; `""` if there is nothing to say. A node that is ready may have something to say too. */
  readonly message: string;
}

/** A status and everything said about it. */
export interface Readiness extends Verdict {
  readonly status: ServiceStatus;
  /** What is wrong with the telemetry itself; `""` if nothing is. It does not make the node unready. */
  readonly telemetry: string;
}

/** Ready is who knows a key ID, could answer an Encrypt, and is ready by the outage policy. */
export function readiness(status: ServiceStatus, verdict: Verdict, telemetry: string): Readiness {
  if (status.keyId === undefined) return { ready: false, message: status.message, status, telemetry };
  if (verdict.ready && !status.canEncrypt) {
    return { ready: false, message: "No data key is ready: an Encrypt would be refused.", status, telemetry };
  }
  return { ready: verdict.ready, message: verdict.message, status, telemetry };
}

/** As JSON. Fields are picked by name: other fields of a status are not served. Times are RFC 3339's. */
export function readinessDocument({ ready, message, status, telemetry }: Readiness) {
  return {
    ready,
    reason: message,
    telemetry,
    keyId: status.keyId ?? null,
    keyIdHash: keyIdHash(status.keyId ?? ""),
    provisional: status.provisional,
    announcedAt: time(status.announcedAt),
    firstEncryptAt: time(status.firstEncryptAt),
    message: status.message,
    quorum: quorumDocument(status.quorum),
    needed: status.needed,
    canEncrypt: status.canEncrypt,
    dataKeyMadeAt: time(status.dataKeyMadeAt),
    stateFolder: stateFolderDocument(status.stateFolder),
    providers: status.providers.map(providerDocument),
    retired: status.retired.map(retiredDocument),
    unreadable: unreadable(status),
    decrypts: decryptsDocument(status.decrypts),
    sealedVersions: status.sealedVersions.map(sealedVersionDocument),
  };
}

function time(wall: number | undefined): string | null {
  return wall === undefined ? null : rfc3339(wall) ?? null;
}

function decryptsDocument({ windowMs, refused, failing, lastOpenedAt }: DecryptStatus) {
  return { windowMs, failing, lastOpenedAt: time(lastOpenedAt), refused: refused.map(refusedDocument) };
}

function refusedDocument({ code, message, envelopes, since, lastAt }: RefusedDecrypts) {
  return { code, message, envelopes, since: time(since), lastAt: time(lastAt) };
}

function sealedVersionDocument(sealed: SealedVersionStatus) {
  const { provider, kind, version, announced, state, code, message, testedAt } = sealed;
  return { provider, kind, version, announced, state, code, message, testedAt: time(testedAt) };
}

function stateFolderDocument(found: ServiceStatus["stateFolder"]) {
  if (found === undefined) return null;
  const { writable, since, message } = found;
  return { writable, since: time(since), message };
}

function quorumDocument(quorum: QuorumState) {
  if (quorum.state === "held") return { state: "held" };
  const { state, since, refused, message } = quorum;
  return { state, since: time(since), refused, message };
}

function providerDocument(provider: ProviderStatus) {
  const { version, lacksWrapSince } = provider;
  return { ...retiredDocument(provider), version, lacksWrapSince: time(lacksWrapSince) };
}

function retiredDocument({ name, kind, health, code, message, since, lastGoodAt }: RetiredStatus) {
  return { name, kind, health, code, message, since: time(since), lastGoodAt: time(lastGoodAt) };
}

/** As text for eyes. */
export function readinessText({ ready, message, status, telemetry }: Readiness): string {
  const { keyId, provisional, quorum, needed, providers, retired, stateFolder } = status;
  const lines = [
    `${ready ? "ready" : "not ready"}${message === "" ? "" : `: ${message}`}`,
    `key ID: ${keyId ?? "none"}${provisional ? " (provisional)" : ""}`,
    `quorum: ${needed} of ${providers.length} needed, ${quorumText(quorum)}`,
    ...refusedLines(status.decrypts),
    ...(telemetry === "" ? [] : [`telemetry: ${telemetry}`]),
    ...(stateFolder?.writable === false ? [`state folder: ${stateFolder.message}`] : []),
    "",
    ...aligned([
      ["PROVIDER", "KIND", "HEALTH", "SINCE", "WHY"],
      ...providers.map((provider) => textRow(provider)),
      ...retired.map((provider) => textRow({ ...provider, health: `retired, ${provider.health}` })),
    ]),
    ...sealedText(status.sealedVersions),
  ];
  return `${lines.map(escapedText).join("\n")}\n`;
}

/** What cannot be opened, and how many versions can be. */
function sealedText(sealed: readonly SealedVersionStatus[]): readonly string[] {
  if (sealed.length === 0) return [];
  const count = (state: SealedVersionStatus["state"]) => sealed.filter((one) => one.state === state).length;
  return [
    "",
    `sealed versions: ${count("opens")} open, ${count("refused")} refused, ${count("unknown")} unknown, ` +
    `${count("not_tested")} not tested`,
    ...sealed.filter(({ state }) => state === "refused").map(({ provider, version, message }) =>
      `refused: version ${version} of ${provider}: ${message}`
    ),
  ];
}

function textRow(provider: Omit<RetiredStatus, "health"> & { readonly health: string }): readonly string[] {
  const { name, kind, health, since, message } = provider;
  return [name, kind, health, instant(since), message];
}

function refusedLines({ refused, windowMs, lastOpenedAt }: DecryptStatus): readonly string[] {
  if (refused.length === 0) return [];
  const last = lastOpenedAt === undefined ? "none opened since the start" : `last opened ${instant(lastOpenedAt)}`;
  return [
    `refused Decrypts: ${counted(refused)} in the last ${minutes(windowMs)}, ${last}`,
    ...refused.map((one) => `  ${one.code}: ${counted([one])} since ${instant(one.since)}: ${one.message}`),
  ];
}

function quorumText(quorum: QuorumState): string {
  return quorum.state === "held" ? "held" : `lost since ${instant(quorum.since)}: ${quorum.message}`;
}

/** RFC 3339 in UTC to the second; `?` for a time that it cannot express. */
function instant(at: number): string {
  return rfc3339(at)?.replace(/\.\d+Z$/, "Z") ?? "?";
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = rows[0]?.map((_, column) => width(column)) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}

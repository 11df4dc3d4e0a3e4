/**
 * The status of the plugin on the pages of the HTTP endpoint.
 *
 * @module
 */
import { systemClock, type Times } from "../../base/clock.ts";
import {
  decryptsDocument,
  groupLines,
  healthDocument,
  providerLines,
  quorumDocument,
  readinessLine,
  recoveryKeyDocument,
  telemetryLines,
  wrapOnlyDocument,
} from "../../kek/status_page.ts";
import { jsonTime, pageText, type Readiness, type ServicePages, type StatusPage } from "../../telemetry/pages.ts";
import { outageState } from "./outage.ts";
import { unreadable } from "./readable.ts";
import type { ProviderStatus, SealedVersionStatus, ServiceStatus } from "./status.ts";
import { keyIdHash, kmsGauges } from "./status_metrics.ts";

/**
 * The pages of the plugin.
 *
 * @param peek reads the status without counting as a Status call.
 * @param readiness see {@linkcode pluginReadiness}.
 * @param configuration hash of the configuration, by which nodes are compared; `undefined` for the embedded default.
 * @param clock the system clock if left out.
 */
export function kmsPages(
  peek: () => ServiceStatus,
  readiness: (status: ServiceStatus) => Readiness,
  configuration?: string,
  clock: Pick<Times, "wall"> = systemClock,
): ServicePages {
  return {
    page(telemetry) {
      const status = peek();
      const node = { configuration: configuration ?? null, time: jsonTime(clock.wall()) };
      return statusPage(status, readiness(status), telemetry, node);
    },
    gauges: () => kmsGauges(peek(), clock.wall()),
  };
}

/**
 * The readiness at `/readyz`. An outage longer than `afterMs`, a refusal and stored data that cannot be read make the
 * plugin unready under every outage policy, even if it still answers kube-apiserver.
 *
 * @param afterMs milliseconds that an outage lasts before the plugin is unready.
 */
export function pluginReadiness(afterMs: number): (status: ServiceStatus) => Readiness {
  return (status) => {
    const { quorum } = status;
    const state = outageState(quorum, afterMs);
    const [lost, why] = [quorum.state === "lost" ? quorum.message : "", unreadable(status)];
    const ready = (state === "none" || state === "outage") && why === "";
    return withKeys(status, { ready, message: [lost, why].filter(Boolean).join(" ") });
  };
}

/** Makes a readiness unready if there is no key ID or no data key for the next Encrypt. */
export function withKeys(status: Pick<ServiceStatus, "keyId" | "message" | "canEncrypt">, found: Readiness): Readiness {
  if (status.keyId === undefined) return { ready: false, message: status.message };
  if (!found.ready || status.canEncrypt) return found;
  return { ready: false, message: "No data key is ready: an Encrypt would be refused." };
}

/** The parts of the document by which nodes are compared. */
interface NodeDocument {
  readonly configuration: string | null;
  readonly time: string | null;
}

function statusPage(status: ServiceStatus, readiness: Readiness, telemetry: string, node: NodeDocument): StatusPage {
  return {
    ready: readiness.ready,
    document: () => ({ ...node, ...statusDocument(status, readiness, telemetry) }),
    text: () => statusText(status, readiness, telemetry),
  };
}

function statusDocument(status: ServiceStatus, { ready, message }: Readiness, telemetry: string) {
  return {
    ready,
    reason: message,
    telemetry,
    keyId: status.keyId ?? null,
    keyIdHash: keyIdHash(status.keyId ?? ""),
    provisional: status.provisional,
    announcedAt: jsonTime(status.announcedAt),
    firstEncryptAt: jsonTime(status.firstEncryptAt),
    message: status.message,
    quorum: quorumDocument(status.quorum),
    needed: status.needed,
    canEncrypt: status.canEncrypt,
    dataKeyMadeAt: jsonTime(status.dataKeyMadeAt),
    stateFolder: stateFolderDocument(status.stateFolder),
    providers: status.providers.map(providerDocument),
    retired: status.retired.map(healthDocument),
    ...wrapOnlyDocument(status),
    ...recoveryKeyDocument(status),
    unreadable: unreadable(status),
    decrypts: decryptsDocument(status.decrypts),
    sealedVersions: status.sealedVersions.map(sealedVersionDocument),
  };
}

function sealedVersionDocument(sealed: SealedVersionStatus) {
  const { provider, kind, version, announced, state, code, message, testedAt } = sealed;
  return { provider, kind, version, announced, state, code, message, testedAt: jsonTime(testedAt) };
}

function stateFolderDocument(found: ServiceStatus["stateFolder"]) {
  if (found === undefined) return null;
  const { writable, since, message } = found;
  return { writable, since: jsonTime(since), message };
}

function providerDocument(provider: ProviderStatus) {
  const { version, lacksWrapSince } = provider;
  return { ...healthDocument(provider), version, lacksWrapSince: jsonTime(lacksWrapSince) };
}

function statusText(status: ServiceStatus, readiness: Readiness, telemetry: string): string {
  const { keyId, provisional, stateFolder } = status;
  return pageText([
    readinessLine(readiness),
    `key ID: ${keyId ?? "none"}${provisional ? " (provisional)" : ""}`,
    ...groupLines(status),
    ...telemetryLines(telemetry),
    ...(stateFolder?.writable === false ? [`state folder: ${stateFolder.message}`] : []),
    "",
    ...providerLines(status),
    ...sealedLines(status.sealedVersions),
  ]);
}

/** The versions by their state, and one line for each that is refused. */
function sealedLines(sealed: readonly SealedVersionStatus[]): readonly string[] {
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

/**
 * The status of the key service on the pages of the HTTP endpoint.
 *
 * @module
 */
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
import { booleanSample, kekGauges } from "../../kek/status_metrics.ts";
import { pageText, type Readiness, type ServicePages } from "../../telemetry/pages.ts";
import type { SopsStatus } from "./status.ts";

/** The pages of the key service. */
export function sopsPages(peek: () => SopsStatus): ServicePages {
  return {
    page(telemetry) {
      const status = peek();
      const readiness = keyServiceReadiness(status);
      return {
        ready: readiness.ready,
        document: () => statusDocument(status, readiness, telemetry),
        text: () =>
          pageText([
            readinessLine(readiness),
            ...groupLines(status),
            ...telemetryLines(telemetry),
            "",
            ...providerLines(status),
          ]),
      };
    },
    gauges() {
      const status = peek();
      const { canEncrypt } = status;
      const help = "1 if an Encrypt would be answered now.";
      return [{ name: "trousseau_can_encrypt", help, samples: booleanSample(canEncrypt) }, ...kekGauges(status)];
    },
  };
}

/** The readiness at `/readyz`. The key service is ready while its quorum is held: callers wait for each wrap. */
export function keyServiceReadiness({ quorum }: Pick<SopsStatus, "quorum">): Readiness {
  return quorum.state === "held" ? { ready: true, message: "" } : { ready: false, message: quorum.message };
}

function statusDocument(status: SopsStatus, { ready, message }: Readiness, telemetry: string) {
  return {
    ready,
    reason: message,
    telemetry,
    quorum: quorumDocument(status.quorum),
    needed: status.needed,
    canEncrypt: status.canEncrypt,
    providers: status.providers.map(healthDocument),
    retired: status.retired.map(healthDocument),
    ...wrapOnlyDocument(status),
    ...recoveryKeyDocument(status),
    decrypts: decryptsDocument(status.decrypts),
  };
}

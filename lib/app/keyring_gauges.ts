/**
 * The state of the keyring as gauges, beside those of its providers.
 *
 * @module
 */
import { type PartHealth, partStates } from "../services/keyring/http/health.ts";
import type { KekGroupStatus } from "../kek/status.ts";
import type { GaugeRow } from "../telemetry/gauges.ts";

/** The state that the gauges show. */
export interface KeyringState {
  readonly parts: readonly PartHealth[];
  readonly kms: Pick<KekGroupStatus, "providers" | "retired" | "wrapOnly">;
  /** Whether the store is open. */
  readonly isOpen: boolean;
  /** Milliseconds since the epoch, as the next one; `undefined` if there was none. */
  readonly lastBackup: number | undefined;
  /** The end of the server's certificate; `undefined` for a certificate of the operator and without a port. */
  readonly certificateEnds: number | undefined;
}

/** The gauges. */
export function keyringGauges(state: KeyringState): readonly GaugeRow[] {
  const { parts, kms, isOpen, lastBackup = 0, certificateEnds } = state;
  const recipients = [...kms.providers, ...kms.retired, ...kms.wrapOnly].filter(({ kind }) => kind === "recovery");
  return [
    {
      name: "trousseau_keyring_part",
      help: "1 for the state of a part of the keyring; the states of each provider are in trousseau_provider_health.",
      labelNames: ["part", "state"],
      samples: parts.filter(({ name }) => !name.startsWith("kms:")).flatMap(({ name, state }) =>
        partStates.map((one) => ({ labels: { part: name, state: one }, value: one === state ? 1 : 0 }))
      ),
    },
    {
      name: "trousseau_keyring_last_backup_timestamp_seconds",
      help: "When the last backup was read to its end; 0 before the first one, absent while the store is not open.",
      samples: isOpen ? [{ value: lastBackup / 1_000 }] : [],
    },
    {
      name: "trousseau_keyring_certificate_end_timestamp_seconds",
      help: "When the server's certificate ends; absent for a certificate of the operator.",
      samples: certificateEnds === undefined ? [] : [{ value: certificateEnds / 1_000 }],
    },
    {
      name: "trousseau_keyring_recovery_providers",
      help: "Providers of kind recovery. Without one, nothing opens the store once every KMS is lost.",
      samples: [{ value: recipients.length }],
    },
  ];
}

/**
 * Settings of a `gcp-kms` provider for tests.
 *
 * @module
 */
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { openGcpKms } from "../../lib/provider/gcp_kms/provider.ts";
import type { GcpAuth, GcpKmsSettings } from "../../lib/provider/gcp_kms/settings.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { type GcpDouble, gcpKey } from "./gcp_double.ts";

/** The settings for the first key of a double, with the machine's service account. */
export function gcpSettings(double: GcpDouble, changes: Partial<GcpKmsSettings> = {}): GcpKmsSettings {
  const { endpoint, caFile } = double;
  return {
    kind: "gcp-kms",
    name: "gcp",
    key: gcpKey,
    universeDomain: "googleapis.com",
    endpoints: { kms: endpoint, oauth: endpoint, sts: endpoint, iam: endpoint },
    context: "",
    auth: metadataAuth(double),
    tls: caFile === undefined ? {} : { caFile },
    ...changes,
  };
}

/** Authentication by the double's metadata server. */
export function metadataAuth({ metadata }: GcpDouble, serviceAccount = "default"): GcpAuth {
  return { method: "metadata-server", metadata, serviceAccount };
}

/** Opens a provider and records its events. */
export async function openGcp(
  double: GcpDouble,
  changes: Partial<GcpKmsSettings> = {},
  clock: Clock = systemClock,
): Promise<{ readonly provider: Provider; readonly events: readonly Event[] }> {
  const events: Event[] = [];
  const context = { notify: (event: Event) => void events.push(event), clock };
  const provider = await openGcpKms(gcpSettings(double, changes), context);
  return { provider, events };
}

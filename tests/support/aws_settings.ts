/**
 * Settings of an `aws-kms` provider for tests.
 *
 * @module
 */
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { openAwsKms } from "../../lib/provider/aws_kms/provider.ts";
import type { AwsAuth, AwsKmsSettings } from "../../lib/provider/aws_kms/settings.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { type AwsDouble, homeRegion } from "./aws_double.ts";
import { MemorySecret } from "./vault_settings.ts";

/** The settings for the key of a double, with a user's access key. */
export function awsSettings(double: AwsDouble, changes: Partial<AwsKmsSettings> = {}): AwsKmsSettings {
  return {
    kind: "aws-kms",
    name: "aws",
    key: double.arn,
    region: homeRegion,
    encryptionContext: { cluster: "prod" },
    endpoint: double.endpoint,
    stsEndpoint: double.endpoint,
    fips: false,
    dualStack: false,
    auth: keyAuth(double),
    tls: double.caFile === undefined ? {} : { caFile: double.caFile },
    ...changes,
  };
}

type KeyAuth = Extract<AwsAuth, { readonly method: "access-key" | "environment" }>;

/** Authentication by the double's access key, with changes. */
export function keyAuth({ logins }: AwsDouble, changes: Partial<KeyAuth> = {}): AwsAuth {
  return {
    method: "access-key",
    accessKeyId: new MemorySecret(logins.accessKeyId),
    secretAccessKey: new MemorySecret(logins.secretAccessKey),
    ...changes,
  };
}

/** Opens a provider and records its events. */
export async function openAws(
  double: AwsDouble,
  changes: Partial<AwsKmsSettings> = {},
  clock: Clock = systemClock,
): Promise<{ readonly provider: Provider; readonly events: readonly Event[] }> {
  const events: Event[] = [];
  const context = { notify: (event: Event) => void events.push(event), clock };
  const provider = await openAwsKms(awsSettings(double, changes), context);
  return { provider, events };
}

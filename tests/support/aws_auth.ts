/**
 * Settings of login methods for a double of AWS.
 *
 * @module
 */
import type { AwsDouble } from "./aws_double.ts";
import { role } from "./aws_logins.ts";
import { MemorySecret } from "./vault_settings.ts";
import type { AssumedRole, AwsAuth } from "../../lib/provider/aws_kms/settings.ts";

export const assumeRole: AssumedRole = { roleArn: role.arn, externalId: role.externalId, sessionName: "node-1" };

export function webAuth({ logins }: AwsDouble, changes: object = {}): AwsAuth {
  const token = new MemorySecret(logins.webToken);
  return { method: "web-identity", roleArn: role.arn, sessionName: "trousseau", token, ...changes };
}

export function containerAuth({ logins, metadata }: AwsDouble, changes: object = {}): AwsAuth {
  const token = new MemorySecret(logins.containerToken);
  return { method: "container", url: `${metadata}/container`, token, ...changes };
}

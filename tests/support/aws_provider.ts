/**
 * An opened provider of kind `aws-kms` with a double of AWS.
 *
 * @module
 */
import { AwsDouble } from "./aws_double.ts";
import { openAws } from "./aws_settings.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import type { AwsKmsSettings } from "../../lib/provider/aws_kms/settings.ts";

export const dek = new Uint8Array(47).fill(7);

export async function withAws(
  work: (double: AwsDouble, provider: Provider) => Promise<void>,
  changes: (double: AwsDouble) => Partial<AwsKmsSettings> = () => ({}),
): Promise<void> {
  await using double = await AwsDouble.start();
  await using provider = (await openAws(double, changes(double))).provider;
  await work(double, provider);
}

/** The version of a key's newest material, or of an older one. */
export function version(double: AwsDouble, arn = double.arn, at = -1): string {
  return `${arn}#${double.keys.materials(arn).at(at)}`;
}

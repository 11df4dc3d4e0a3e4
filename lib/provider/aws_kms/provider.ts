/**
 * A KEK in AWS KMS.
 *
 * The AWS SDK signs requests, determines the endpoints of all Regions and parses responses. This folder supplies
 * connections and credentials: those of the SDK would read the environment and the home folder, use the machine's
 * metadata service without being configured to, and start processes.
 *
 * @module
 */
import { limitConcurrency } from "../concurrency_limit.ts";
import type { Provider, ProviderContext } from "../provider.ts";
import { KmsKey } from "./key.ts";
import { AwsKmsSession } from "./session.ts";
import type { AwsKmsSettings } from "./settings.ts";

/**
 * Opens a key. The first call gets credentials.
 *
 * @throws {KmsError} `config` if the CA file cannot be used, or a profile cannot be used without starting a process.
 */
export async function openAwsKms(settings: AwsKmsSettings, context: ProviderContext): Promise<Provider> {
  return limitConcurrency(settings, new KmsKey(await AwsKmsSession.open(settings, context), settings), context.notify);
}

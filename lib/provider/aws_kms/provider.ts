/**
 * A KEK in AWS KMS.
 *
 * The AWS SDK signs requests, knows the endpoints of all Regions and reads answers. Connections and credentials are this
 * room's: the SDK's own would read the environment and the home folder, ask the machine's metadata service without being
 * told to, and start processes.
 *
 * @module
 */
import { oneByOne } from "../concurrency_limit.ts";
import type { Provider, ProviderContext } from "../provider.ts";
import { KmsKey } from "./key.ts";
import { AwsKmsSession } from "./session.ts";
import type { AwsKmsSettings } from "./settings.ts";

/**
 * Opens a key; the first call gets credentials.
 *
 * @throws {KmsError} `config` if the CA file cannot be used, or a profile is none that works without starting a process.
 */
export async function openAwsKms(settings: AwsKmsSettings, context: ProviderContext): Promise<Provider> {
  return oneByOne(settings, new KmsKey(await AwsKmsSession.open(settings, context), settings), context.notify);
}

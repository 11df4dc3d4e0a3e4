/**
 * A KEK in Google Cloud KMS.
 *
 * It speaks Cloud KMS's REST API over the HTTP of this room instead of `@google-cloud/kms`: `docs/dependencies.md` says
 * what that would add. That client proves this provider in tests instead.
 *
 * @module
 */
import { oneByOne } from "../concurrency_limit.ts";
import type { Provider, ProviderContext } from "../provider.ts";
import { GcpKey } from "./key.ts";
import { GcpKmsSession } from "./session.ts";
import type { GcpKmsSettings } from "./settings.ts";

/**
 * Opens a key; the first call logs in.
 *
 * @throws {KmsError} `config` if the CA file cannot be used, or the file of the login holds nothing that is taken.
 */
export async function openGcpKms(settings: GcpKmsSettings, context: ProviderContext): Promise<Provider> {
  return oneByOne(settings, new GcpKey(await GcpKmsSession.open(settings, context), settings), context.notify);
}

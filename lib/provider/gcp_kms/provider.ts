/**
 * A KEK in Google Cloud KMS.
 *
 * It uses Cloud KMS's REST API over the HTTP client of this project instead of `@google-cloud/kms`:
 * `docs/dependencies.md` has the reasons. Tests verify this provider against that client.
 *
 * @module
 */
import { limitConcurrency } from "../concurrency_limit.ts";
import type { Provider, ProviderContext } from "../provider.ts";
import { GcpKey } from "./key.ts";
import { GcpKmsSession } from "./session.ts";
import type { GcpKmsSettings } from "./settings.ts";

/**
 * Opens a key. The first call logs in.
 *
 * @throws {KmsError} `config` if the CA file cannot be used, or the file of the login is not supported.
 */
export async function openGcpKms(settings: GcpKmsSettings, context: ProviderContext): Promise<Provider> {
  return limitConcurrency(settings, new GcpKey(await GcpKmsSession.open(settings, context), settings), context.notify);
}

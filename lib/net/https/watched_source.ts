/**
 * The source of a credential that is looked at while another one is in use.
 *
 * @module
 */
import { toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { CredentialSource } from "./token_settings.ts";

/**
 * Wraps a source, and warns when it cannot be read, once for each reason. The session goes on with its credential, and
 * no other message would show that the file now has another one.
 */
export function watchedSource<Credential>(
  source: CredentialSource<Credential>,
  provider: string,
  notify: Notify,
): CredentialSource<Credential> {
  let told = "";
  return {
    description: source.description,
    async read() {
      try {
        const secret = await source.read();
        told = "";
        return secret;
      } catch (thrown) {
        const { message: why } = toKmsError(thrown);
        const message = `Provider "${provider}" goes on with the credential that it holds. ${why}`;
        if (message !== told) notify({ type: "lifecycle", action: "warning", message });
        told = message;
        throw thrown;
      }
    },
  };
}

/**
 * A credential source that is read while another credential is in use.
 *
 * @module
 */
import { toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { CredentialSource } from "./token_settings.ts";

/**
 * Wraps a source. A failed read logs a warning, once for each reason: the session continues with its current
 * credential, and no other message would show that a changed file cannot be read.
 */
export function watchedSource<Credential>(
  source: CredentialSource<Credential>,
  provider: string,
  notify: Notify,
): CredentialSource<Credential> {
  let lastWarning = "";
  return {
    description: source.description,
    async read() {
      try {
        const secret = await source.read();
        lastWarning = "";
        return secret;
      } catch (thrown) {
        const { message: why } = toKmsError(thrown);
        const message = `Provider "${provider}" goes on with the credential that it holds. ${why}`;
        if (message !== lastWarning) notify({ type: "lifecycle", action: "warning", message });
        lastWarning = message;
        throw thrown;
      }
    },
  };
}

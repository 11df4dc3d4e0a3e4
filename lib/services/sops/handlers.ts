/**
 * The handlers of the key service for SOPS.
 *
 * @module
 */
import { KmsError, toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { SopsHandlers } from "../../api/sops/server.ts";
import type { SopsKey } from "../../api/sops/messages.ts";
import { notedBug } from "../../net/grpc/rpc_event.ts";
import { noteUnreadableSops, withSopsRpcEvent } from "./rpc_event.ts";
import { armoured, unarmoured } from "./armour.ts";
import { keyNameOf } from "./key_uri.ts";
import type { SopsService } from "./service.ts";

/** Options of {@linkcode sopsHandlers}. */
export interface SopsHandlerOptions {
  readonly service: SopsService;
  /** The names of the configured keys, at least one. */
  readonly keys: readonly string[];
  readonly notify: Notify;
}

/**
 * Maximum size of a data key in bytes. A data key of SOPS has 32 bytes. A share of a data key that SOPS has split between
 * key groups has 33.
 */
export const largestDataKey = 64;

/** Makes the handlers of the key service. */
export function sopsHandlers({ service, keys, notify }: SopsHandlerOptions): SopsHandlers {
  const addressed = (key: SopsKey | undefined, ciphertext: Uint8Array) => {
    try {
      return { name: keyNameOf("decrypt", key, keys), frame: unarmoured(ciphertext) };
    } catch (thrown) {
      service.refused(ciphertext, toKmsError(thrown));
      throw thrown;
    }
  };
  return {
    sops: {
      Encrypt: withSopsRpcEvent("sops", "encrypt", notify, async ({ key, plaintext }, call, findings) => {
        const name = findings.keyId = keyNameOf("encrypt", key, keys);
        checkDataKey(plaintext);
        const { frame, providers } = await service.encrypt(name, plaintext, call);
        findings.providers = providers;
        return { ciphertext: armoured(frame) };
      }),

      Decrypt: withSopsRpcEvent("sops", "decrypt", notify, async ({ key, ciphertext }, call, findings) => {
        const { name, frame } = addressed(key, ciphertext);
        findings.keyId = name;
        const { plaintext, providers, cache } = await service.decrypt(name, frame, call);
        Object.assign(findings, { providers, cache });
        return { plaintext };
      }),
    },
    unreadable: noteUnreadableSops(notify),
    broken: notedBug(notify),
  };
}

function checkDataKey({ length }: Uint8Array): void {
  if (length > 0 && length <= largestDataKey) return;
  const why = length === 0 ? "is empty" : `has ${length} bytes, more than ${largestDataKey}`;
  throw new KmsError("request_invalid", `Cannot encrypt: the plaintext ${why}.`);
}

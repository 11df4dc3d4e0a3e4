/**
 * The handlers of KMS v2.
 *
 * @module
 */
import { toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { V2Rpcs } from "../../api/kms/messages.ts";
import type { Handlers } from "../../net/grpc/server.ts";
import { isToolUid } from "../../api/kms/tool_uid.ts";
import type { Decrypted, Service } from "./service.ts";
import { answerChecker, checkKeyId, checkPlaintext, checkSealed } from "./request_limits.ts";
import { noteForeign, withKmsRpcEvent } from "./rpc_event.ts";
import type { OutageDecision } from "./outage.ts";

/** The dependencies of the handlers of both APIs. */
export interface HandlerContext {
  readonly service: Service;
  readonly notify: Notify;
  /** Decides how to answer a call now. The service notes a Status. */
  readonly decide: (call: "status" | "encrypt") => OutageDecision;
}

/**
 * Makes the handlers. Status and Encrypt are answered from memory; Decrypt can call a KMS.
 *
 * @param reportVersion the version in Status. It must not change while an API server runs, which refuses a plugin whose
 *   version changes.
 */
export function v2Handlers(context: HandlerContext, reportVersion: "v2" | "v2beta1"): Handlers<V2Rpcs> {
  const { service, notify } = context;
  const checkAnswer = answerChecker();
  return {
    Status: withKmsRpcEvent("v2", "status", notify, (_request, _call, findings) => {
      const now = context.decide("status");
      if (now.say === "refuse") throw now.error;
      findings.keyId = checkKeyId(now.keyId);
      return { version: reportVersion, healthz: now.say === "ok" ? "ok" : now.message, key_id: now.keyId };
    }),

    Encrypt: withKmsRpcEvent("v2", "encrypt", notify, ({ plaintext, uid }, _call, findings) => {
      checkPlaintext(plaintext);
      // If Encrypt succeeded while Status is refused, the API server's log would not show the reason.
      const now = context.decide("encrypt");
      if (now.say === "refuse") throw now.error;
      const { keyId, ciphertext, annotations, providers } = service.encrypt(plaintext, "v2", isToolUid(uid));
      findings.keyId = keyId;
      findings.providers = providers;
      return checkAnswer({ ciphertext, key_id: keyId, annotations });
    }),

    // The call is passed on as it is: its abort signal is created at the first access, so that cached answers need none.
    Decrypt: withKmsRpcEvent("v2", "decrypt", notify, (request, call, findings) => {
      countRefusal(service, request.ciphertext, () => checkSealed(request));
      const { ciphertext, key_id: keyId, annotations } = request;
      findings.keyId = keyId;
      const sealed = { keyId, ciphertext, annotations };
      noteForeign(findings, service.foreignFormat(sealed, "v2"));
      const answered = ({ plaintext, providers, cache }: Decrypted) => {
        findings.providers = providers;
        findings.cache = cache;
        return { plaintext };
      };
      const opened = service.decrypt(sealed, "v2", call);
      return opened instanceof Promise ? opened.then(answered) : answered(opened);
    }),
  };
}

/** Runs checks that precede {@linkcode Service.decrypt}. Their refusals are counted like those of the service. */
export function countRefusal(service: Pick<Service, "refused">, ciphertext: Uint8Array, check: () => void): void {
  try {
    check();
  } catch (thrown) {
    service.refused(ciphertext, toKmsError(thrown));
    throw thrown;
  }
}

/**
 * The handlers of KMS v1beta1. This API has no key ID and no annotations: the ciphertext is one frame with all parts.
 *
 * @module
 */
import { equalBytes, utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import type { V1beta1Rpcs } from "../../api/kms/messages.ts";
import type { Handlers } from "../../net/grpc/server.ts";
import { checkFrame, checkFrameAnswer, checkPlaintext } from "./request_limits.ts";
import { noteForeign, withKmsRpcEvent } from "./rpc_event.ts";
import type { Decrypted } from "./status.ts";
import { countRefusal, type HandlerContext } from "./v2.ts";

const apiVersion = "v1beta1";

// The plaintext of kube-apiserver's health check for v1beta1 plugins.
const ping = utf8("ping");

/**
 * Makes the handlers. Version and Encrypt are answered from memory; Decrypt can call a KMS.
 *
 * @param runtimeVersion the semantic version of this release.
 */
export function v1beta1Handlers(context: HandlerContext, runtimeVersion: string): Handlers<V1beta1Rpcs> {
  const { service, notify } = context;
  return {
    // The version in the request is ignored: the purpose of this RPC is to return the plugin's version.
    Version: withKmsRpcEvent("v1beta1", "status", notify, () => {
      return { version: apiVersion, runtime_name: "Trousseau", runtime_version: runtimeVersion };
    }),

    Encrypt: withKmsRpcEvent("v1beta1", "encrypt", notify, ({ version, plain }, _call, findings) => {
      checkVersion(version);
      checkPlaintext(plain);
      const now = context.decide("encrypt");
      if (now.say === "refuse") throw now.error;
      if (now.say === "unwell" && equalBytes(plain, ping)) throw new KmsError("unreachable", now.message);
      const { keyId, ciphertext, providers } = service.encrypt(plain, "v1beta1");
      findings.keyId = keyId;
      findings.providers = providers;
      return { cipher: checkFrameAnswer(ciphertext) };
    }),

    Decrypt: withKmsRpcEvent("v1beta1", "decrypt", notify, ({ version, cipher }, call, findings) => {
      countRefusal(service, cipher, () => {
        checkVersion(version);
        checkFrame(cipher);
      });
      const sealed = { keyId: "", ciphertext: cipher, annotations: {} };
      noteForeign(findings, service.foreignFormat(sealed, "v1beta1"));
      const answered = ({ plaintext, keyId, providers, cache }: Decrypted) => {
        findings.keyId = keyId;
        findings.providers = providers;
        findings.cache = cache;
        return { plain: plaintext };
      };
      const opened = service.decrypt(sealed, "v1beta1", call);
      return opened instanceof Promise ? opened.then(answered) : answered(opened);
    }),
  };
}

function checkVersion(version: string): void {
  if (version === apiVersion) return;
  throw new KmsError("request_invalid", `Cannot answer: the request's version is not "${apiVersion}".`);
}

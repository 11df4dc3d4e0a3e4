/**
 * The handlers of KMS v1beta1: no key ID, no annotations, one frame that carries all.
 *
 * @module
 */
import { equalBytes, utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import type { V1beta1Rpcs } from "../../api/kms/messages.ts";
import type { Handlers } from "../../net/grpc/server.ts";
import { checkFrame, checkFrameAnswer, checkPlaintext } from "./request_limits.ts";
import { noteForeign, withKmsRpcEvent } from "./rpc_event.ts";
import { countRefusal, type HandlerContext } from "./v2.ts";

const apiVersion = "v1beta1";

// What kube-apiserver encrypts to see whether a v1beta1 plugin is well.
const ping = utf8("ping");

/**
 * Version and Encrypt answer from memory; Decrypt may ask a KMS.
 *
 * @param runtimeVersion a semantic version.
 */
export function v1beta1Handlers(context: HandlerContext, runtimeVersion: string): Handlers<V1beta1Rpcs> {
  const { service, notify } = context;
  return {
    // Whatever version the caller speaks: this RPC is there to tell him ours.
    Version: withKmsRpcEvent("v1beta1", "status", notify, () => {
      return { version: apiVersion, runtime_name: "Trousseau", runtime_version: runtimeVersion };
    }),

    Encrypt: withKmsRpcEvent("v1beta1", "encrypt", notify, ({ version, plain }, _call, findings) => {
      checkVersion(version);
      checkPlaintext(plain);
      const now = context.decide("peek");
      if (now.say === "refuse") throw now.error;
      if (now.say === "unwell" && equalBytes(plain, ping)) throw new KmsError("unreachable", now.message);
      const { keyId, ciphertext, providers } = service.encrypt(plain, "v1beta1");
      Object.assign(findings, { keyId, providers });
      return { cipher: checkFrameAnswer(ciphertext) };
    }),

    Decrypt: withKmsRpcEvent("v1beta1", "decrypt", notify, async ({ version, cipher }, call, findings) => {
      countRefusal(service, cipher, () => {
        checkVersion(version);
        checkFrame(cipher);
      });
      const sealed = { keyId: "", ciphertext: cipher, annotations: {} };
      noteForeign(findings, service.foreignFormat(sealed, "v1beta1"));
      const { plaintext, keyId, providers, cache } = await service.decrypt(sealed, "v1beta1", call);
      Object.assign(findings, { keyId, providers, cache });
      return { plain: plaintext };
    }),
  };
}

function checkVersion(version: string): void {
  if (version === apiVersion) return;
  throw new KmsError("request_invalid", `Cannot answer: the request's version is not "${apiVersion}".`);
}

import { deepEqual } from "node:assert/strict";
import { kmsContracts } from "../../api/kms/contract.ts";
import { sopsContract } from "../../api/sops/contract.ts";
import { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import { noteUnreadableSops as notedUnreadableBySops } from "../sops/rpc_event.ts";
import type { Unreadable } from "../../net/grpc/unary.ts";
import { noteUnreadableKms } from "./rpc_event.ts";

const call = { signal: new AbortController().signal, deadlineMs: 1000, uid: "" };

/** The API and the operation of the event for an invalid message at each path of a contract. */
function notedAt(contracts: readonly object[], made: (notify: Notify) => Unreadable): Record<string, string> {
  const noted: Record<string, string> = {};
  for (const { path } of contracts.flatMap((contract) => Object.values(contract))) {
    const unreadable = made((event) => {
      if (event.type === "rpc") noted[path] = `${event.api} ${event.operation}`;
    });
    unreadable(path, new KmsError("request_invalid", "No."), call);
  }
  return noted;
}

Deno.test("notedUnreadable() names each RPC of the contracts", () => {
  const { v2, v1beta1 } = kmsContracts();
  deepEqual(notedAt([v2, v1beta1], noteUnreadableKms), {
    "/v2.KeyManagementService/Status": "v2 status",
    "/v2.KeyManagementService/Encrypt": "v2 encrypt",
    "/v2.KeyManagementService/Decrypt": "v2 decrypt",
    "/v1beta1.KeyManagementService/Version": "v1beta1 status",
    "/v1beta1.KeyManagementService/Encrypt": "v1beta1 encrypt",
    "/v1beta1.KeyManagementService/Decrypt": "v1beta1 decrypt",
  });
  deepEqual(notedAt([sopsContract()], notedUnreadableBySops), {
    "/KeyService/Encrypt": "sops encrypt",
    "/KeyService/Decrypt": "sops decrypt",
  });
});

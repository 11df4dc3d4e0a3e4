/**
 * The gRPC services of both KMS APIs, from the proto files that are embedded as text.
 *
 * @module
 */
import { type ServiceContract, serviceContract } from "../../net/grpc/contract.ts";
import v1beta1Proto from "../../../proto/kms_v1beta1.proto" with { type: "text" };
import v2Proto from "../../../proto/kms_v2.proto" with { type: "text" };
import type { V1beta1Rpcs, V2Rpcs } from "./messages.ts";

/** The contracts of both services. */
export interface KmsContracts {
  readonly v2: ServiceContract<V2Rpcs>;
  readonly v1beta1: ServiceContract<V1beta1Rpcs>;
}

/** Parses both proto files: a few milliseconds, once for each server or client. */
export function kmsContracts(): KmsContracts {
  return {
    v2: serviceContract<V2Rpcs>(v2Proto, "v2.KeyManagementService"),
    v1beta1: serviceContract<V1beta1Rpcs>(v1beta1Proto, "v1beta1.KeyManagementService"),
  };
}

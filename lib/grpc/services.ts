/**
 * Both KMS services, built from the protos that are embedded as text: no file is read when the program runs.
 *
 * @module
 */
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import v1beta1Proto from "../../proto/kms_v1beta1.proto" with { type: "text" };
import v2Proto from "../../proto/kms_v2.proto" with { type: "text" };

/** Stands in for a request that is not the protobuf message that it should be. */
export class Malformed {
  readonly uid = "";
}

/** The two services, ready for a server or a client of grpc-js. */
export interface KmsServices {
  readonly v2: ServiceDefinition;
  readonly v1beta1: ServiceDefinition;
}

/** Parses both protos: a few milliseconds, done once by whoever serves or dials. */
export function kmsServices(): KmsServices {
  return {
    v2: load(v2Proto, "v2.KeyManagementService"),
    v1beta1: load(v1beta1Proto, "v1beta1.KeyManagementService"),
  };
}

function load(proto: string, service: string): ServiceDefinition {
  const parsed = protobuf.parse(proto, { keepCase: true }).root.toJSON();
  const definition = fromJSON(parsed, { keepCase: true, defaults: true })[service] as ServiceDefinition;
  return Object.fromEntries(Object.entries(definition).map(([name, method]) => [name, tolerant(method)]));
}

// grpc-js answers INTERNAL when a request cannot be decoded. The fault is the caller's, so the request is handed on as
// malformed and the server answers INVALID_ARGUMENT.
function tolerant(method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> {
  return {
    ...method,
    requestDeserialize(bytes) {
      try {
        return method.requestDeserialize(bytes);
      } catch {
        return new Malformed();
      }
    },
  };
}

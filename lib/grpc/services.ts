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
  const { root } = protobuf.parse(proto, { keepCase: true });
  const definition = fromJSON(root.toJSON(), { keepCase: true, defaults: true })[service] as ServiceDefinition;
  const { methods } = root.resolveAll().lookupService(service);
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [name, strict(method, methods[name]?.resolvedRequestType)]),
  );
}

// grpc-js answers INTERNAL when a request cannot be decoded. The fault is the caller's, so the request is handed on as
// malformed and the server answers INVALID_ARGUMENT.
function strict(
  method: MethodDefinition<unknown, unknown>,
  type: protobuf.Type | null | undefined,
): MethodDefinition<unknown, unknown> {
  return {
    ...method,
    requestDeserialize(bytes) {
      try {
        return type && wellFramed(bytes, type) ? method.requestDeserialize(bytes) : new Malformed();
      } catch {
        return new Malformed();
      }
    },
  };
}

const lengthDelimited = 2;
const startGroup = 3;

/**
 * Whether a message's fields fill it exactly. protobufjs alone takes a string that is cut short for a shorter string, and
 * reads a known field by its number whatever its wire type. All fields of both APIs are strings, bytes and maps.
 *
 * @throws {RangeError} if a field runs past the end; whatever is thrown means no.
 */
function wellFramed(bytes: Uint8Array, type: protobuf.Type): boolean {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const [field, wireType] = [tag >>> 3, tag & 7];
    if (field === 0 || wireType === startGroup) return false;
    if (type.fieldsById[field] !== undefined && wireType !== lengthDelimited) return false;
    reader.skipType(wireType);
  }
  return reader.pos === reader.len;
}

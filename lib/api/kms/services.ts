/**
 * The services that are served here, built from the protos that are embedded as text: no file is read when the program runs.
 *
 * @module
 */
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import { codecOf } from "../../net/grpc/codec.ts";
import v1beta1Proto from "../../../proto/kms_v1beta1.proto" with { type: "text" };
import v2Proto from "../../../proto/kms_v2.proto" with { type: "text" };
import sopsProto from "../../../proto/sops_keyservice.proto" with { type: "text" };

/** The two services of KMS, ready for a server, or for a client of grpc-js. */
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

/** The key service of SOPS. */
export function sopsService(): ServiceDefinition {
  return load(sopsProto, "KeyService");
}

function load(proto: string, service: string): ServiceDefinition {
  const { root } = protobuf.parse(proto, { keepCase: true });
  const definition = fromJSON(root.toJSON(), { keepCase: true, defaults: true })[service] as ServiceDefinition;
  const { methods } = root.resolveAll().lookupService(service);
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [name, strict(method, methods[name])]),
  );
}

function strict(
  method: MethodDefinition<object, object>,
  types: protobuf.Method | undefined,
): MethodDefinition<object, object> {
  if (!types?.resolvedRequestType || !types.resolvedResponseType) throw new TypeError(`${method.path} has no types.`);
  const [request, answer] = [codecOf(types.resolvedRequestType), codecOf(types.resolvedResponseType)];
  return {
    ...method,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: answer.encode,
    responseDeserialize: answer.decode,
  };
}

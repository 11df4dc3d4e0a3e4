/**
 * The contract of a gRPC service: its methods, each with its path and the codecs of its two messages.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import { codecOf } from "./codec.ts";

/** One RPC: the type of its request and the type of its answer. */
export interface Rpc<Request, Answer> {
  readonly request: Request;
  readonly answer: Answer;
}

/** The codec of one message type; see {@linkcode codecOf}. */
export interface MessageCodec<Message> {
  /** @param headroom see {@linkcode Encode}. */
  readonly encode: (message: Message, headroom?: number) => Buffer;
  /** @throws {Error} if the bytes are not such a message. */
  readonly decode: (bytes: Uint8Array) => Message;
}

/** One method of a service. */
export interface MethodContract<Method> {
  /** `/` service `/` method: the `:path` of a call. */
  readonly path: string;
  readonly request: MessageCodec<Method extends Rpc<infer Request, unknown> ? Request : never>;
  readonly answer: MessageCodec<Method extends Rpc<unknown, infer Answer> ? Answer : never>;
}

/** Each method of a service by its name. */
export type ServiceContract<Rpcs> = { readonly [Name in keyof Rpcs]: MethodContract<Rpcs[Name]> };

/**
 * Parses the text of a proto file, which takes a few milliseconds.
 *
 * @typeParam Rpcs the types of the methods in the proto file.
 * @param proto the text of the proto file.
 * @param service the name of the service with its package, for instance `v2.KeyManagementService`.
 */
export function serviceContract<Rpcs>(proto: string, service: string): ServiceContract<Rpcs> {
  const { root } = protobuf.parse(proto, { keepCase: true });
  const { methodsArray } = root.resolveAll().lookupService(service);
  return Object.fromEntries(methodsArray.map((method) => [method.name, methodContract(service, method)])) as
    & Record<string, never>
    & ServiceContract<Rpcs>;
}

function methodContract(service: string, { name, resolvedRequestType, resolvedResponseType }: protobuf.Method) {
  if (!resolvedRequestType || !resolvedResponseType) throw new TypeError(`${service}.${name} has no types.`);
  return {
    path: `/${service}/${name}`,
    request: codecOf(resolvedRequestType),
    answer: codecOf(resolvedResponseType),
  };
}

/**
 * A minimal KMS plugin on the usual library, grpc-js. Its cost is that of the gRPC transport without optimisation, with
 * which the benchmark compares every figure of the plugin.
 *
 * Its answers have the size of the plugin's. It returns the plaintext and does not encrypt.
 *
 * @module
 */
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import protobuf from "protobufjs";
import v1beta1Proto from "../../proto/kms_v1beta1.proto" with { type: "text" };
import v2Proto from "../../proto/kms_v2.proto" with { type: "text" };

const keyId = `bare-${"0".repeat(30)}`;
// A seed sealed by Trousseau under one KEK: 94 bytes of ciphertext and one annotation of about 90.
const padding = Buffer.alloc(62);
const annotations = { "bare.example": Buffer.alloc(90) };

function service(proto: string, name: string): ServiceDefinition {
  const { root } = protobuf.parse(proto, { keepCase: true });
  const { methodsArray } = root.resolveAll().lookupService(name);
  return Object.fromEntries(methodsArray.map((method) => {
    const [request, response] = [coded(method.resolvedRequestType), coded(method.resolvedResponseType)];
    return [method.name, {
      path: `/${name}/${method.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: request.serialize,
      requestDeserialize: request.deserialize,
      responseSerialize: response.serialize,
      responseDeserialize: response.deserialize,
    }];
  }));
}

/** The codec of a message type, as in the library's own loader of protocol files. */
function coded(type: protobuf.Type | null) {
  if (type === null) throw new TypeError("The method has no types.");
  return {
    serialize: (message: object) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    deserialize: (bytes: Buffer) => type.toObject(type.decode(bytes), { defaults: true }),
  };
}

function answer<Request, Response>(make: (request: Request) => Response): handleUnaryCall<Request, Response> {
  return (call, callback) => callback(null, make(call.request));
}

const v2 = {
  Status: answer(() => ({ version: "v2", healthz: "ok", key_id: keyId })),
  Encrypt: answer(({ plaintext }: { plaintext: Buffer }) => ({
    ciphertext: Buffer.concat([padding, plaintext]),
    key_id: keyId,
    annotations,
  })),
  Decrypt: answer(({ ciphertext }: { ciphertext: Buffer }) => ({ plaintext: ciphertext.subarray(padding.length) })),
} satisfies UntypedServiceImplementation;

const v1beta1 = {
  Version: answer(() => ({ version: "v1beta1", runtime_name: "bare", runtime_version: "0.0.0" })),
  Encrypt: answer(({ plain }: { plain: Buffer }) => ({ cipher: Buffer.concat([padding, plain]) })),
  Decrypt: answer(({ cipher }: { cipher: Buffer }) => ({ plain: cipher.subarray(padding.length) })),
} satisfies UntypedServiceImplementation;

const server = new Server();
server.addService(service(v2Proto, "v2.KeyManagementService"), v2);
server.addService(service(v1beta1Proto, "v1beta1.KeyManagementService"), v1beta1);
const path = Deno.args[0];
if (path === undefined) throw new Error("usage: bare_server.ts SOCKET");
await Deno.remove(path).catch(() => {});
server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});

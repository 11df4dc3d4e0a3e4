/**
 * A gRPC server of the KMS API on a Unix socket, with a client.
 *
 * @module
 */
import { join } from "node:path";
import { KmsError } from "../../lib/base/errors.ts";
import { dialKms, type KmsClient } from "../../lib/api/kms/client.ts";
import { type KmsHandlers, kmsServer } from "../../lib/api/kms/server.ts";
import type { Listener, RpcServer } from "../../lib/net/grpc/server.ts";
import type { RpcFailure } from "../../lib/net/grpc/status.ts";

export const never = new AbortController().signal;

export const seed = new Uint8Array(32).fill(7);

export const request = { ciphertext: seed, key_id: "k", annotations: {}, uid: "" };

export const well = { version: "v2", healthz: "ok", key_id: "k" };

/** Handlers for all methods; a test replaces some. */
export const plain: KmsHandlers["v2"] = {
  Status: () => well,
  Encrypt: ({ plaintext }) => ({ ciphertext: plaintext, key_id: "k", annotations: { "a.test": plaintext } }),
  Decrypt: ({ ciphertext }) => Promise.resolve({ plaintext: ciphertext }),
};

interface Served extends AsyncDisposable {
  readonly server: RpcServer;
  readonly listener: Listener;
  readonly path: string;
  readonly client: KmsClient;
}

export async function serve(handlers: KmsHandlers): Promise<Served> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  const server = kmsServer(handlers);
  const listener = await server.listen(path);
  const client = dialKms(path);
  return {
    server,
    listener,
    path,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server.shutdown(0);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A Decrypt that answers after its release, and reports when it was called. */
export function held() {
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const Decrypt: KmsHandlers["v2"]["Decrypt"] = async ({ ciphertext }) => {
    asked.resolve();
    await released.promise;
    return { plaintext: ciphertext };
  };
  return { Decrypt, asked: asked.promise, release: released.resolve };
}

export function answered(...statuses: string[]) {
  return (error: unknown) => error instanceof KmsError && statuses.includes((error.cause as RpcFailure).status);
}

export const call = { path: "/v2.KeyManagementService/Encrypt", authority: "localhost" };

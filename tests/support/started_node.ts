/**
 * A started plugin without sockets, and results of its calls.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { MemoryProvider } from "./memory_provider.ts";
import { startNode, type TestNode } from "./test_service.ts";
import { effectiveCode, KmsError } from "../../lib/base/errors.ts";
import type { KmsApi } from "../../lib/api/kms/messages.ts";
import type { Sealed } from "../../lib/services/kms/service.ts";

export const seed = new Uint8Array(randomBytes(32));

export const minute = 60_000;

export const hour = 60 * minute;

export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "ok";
  } catch (thrown) {
    return thrown instanceof KmsError ? effectiveCode(thrown) : String(thrown);
  }
}

export async function opened(node: TestNode, sealed: Sealed, api: KmsApi = "v2"): Promise<Uint8Array> {
  return (await node.service.decrypt(sealed, api, { signal: new AbortController().signal })).plaintext;
}

export async function started(providers: readonly MemoryProvider[], options: Parameters<typeof startNode>[1] = {}) {
  const node = await startNode(providers, options);
  await node.clock.advance(100);
  return node;
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => i === at ? byte ^ 1 : byte);
}

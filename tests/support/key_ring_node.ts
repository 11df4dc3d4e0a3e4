/**
 * A node with a key ring, and the calls that kube-apiserver makes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Event } from "../../lib/telemetry/events.ts";
import type { MemoryProvider } from "./memory_provider.ts";
import { startNode, type TestNode } from "./test_service.ts";

/** A seed as kube-apiserver sends it. */
export const seed: Uint8Array = new Uint8Array(randomBytes(32));

/** Milliseconds. */
export const second = 1_000;

/** Milliseconds. */
export const minute = 60 * second;

/** The changes of the key ID so far. */
export function changes(node: TestNode): Extract<Event, { type: "key_id" }>[] {
  return node.events.filter((event) => event.type === "key_id");
}

/** Calls Status, then Encrypt under the ID of that Status, as kube-apiserver does. */
export function statusAndEncrypt(node: TestNode): string {
  const { keyId } = node.service.status();
  assert.ok(keyId);
  assert.equal(node.service.encrypt(seed, "v2").keyId, keyId);
  return keyId;
}

/** A node that runs. */
export async function started(
  providers: readonly MemoryProvider[],
  options: Parameters<typeof startNode>[1] = {},
): Promise<TestNode> {
  const node = await startNode(providers, options);
  await node.clock.advance(100);
  return node;
}

/**
 * The deadline that a client sends with its call, kept from grpc-js.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http2";
import type { Metadata } from "@grpc/grpc-js";

const sent = "grpc-timeout";
const kept = "trousseau-timeout";

/**
 * Moves it to where {@linkcode timeoutOf} finds it and grpc-js does not look.
 *
 * grpc-js starts a timer for each call that has a deadline, which is a tenth of what a call costs. Status, Encrypt and
 * most Decrypts are answered from memory long before; the others go by the one timer of all calls (`rpc_call.ts`).
 */
export function keepTimeout(headers: IncomingHttpHeaders): void {
  headers[kept] = headers[sent];
  // Deleting would cost more than it saves: objects that lose a key are slow from then on.
  headers[sent] = undefined;
}

/** Milliseconds in each unit that gRPC has ("gRPC over HTTP2", `Timeout`). */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds from when the call was made; `undefined` where its client set none, or none that gRPC has. */
export function timeoutOf(metadata: Pick<Metadata, "get">): number | undefined {
  const [, value, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(String(metadata.get(kept)[0] ?? "")) ?? [];
  return value === undefined ? undefined : Number(value) * (units[unit] ?? NaN);
}

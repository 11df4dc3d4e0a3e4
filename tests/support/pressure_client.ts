/**
 * A program that puts a bounded load of well-formed calls on a socket: `pressure_client.ts SOCKET LOAD`, the load as JSON.
 * It prints the results of the calls.
 *
 * @module
 */
import { ByteWriter } from "../../lib/base/bytes.ts";
import { figuresOf, PipelinedClient } from "./pipelined_client.ts";

/** A load of calls. */
export interface Load {
  readonly connections: number;
  /** Number of concurrent calls on each connection. */
  readonly inFlight: number;
  /** Milliseconds between two calls of each caller. */
  readonly restMs: number;
  readonly seconds: number;
  /** Size of `uid` in bytes, which determines the size of a request. */
  readonly uidBytes: number;
  /** Bytes of body in one DATA frame; 0 for all. */
  readonly frameBytes: number;
}

/** An Encrypt of 32 bytes. */
export function encryptRequest(uidBytes: number): Uint8Array {
  const seed = new Uint8Array(32).fill(7);
  const uid = new Uint8Array(uidBytes).fill(0x75);
  const length = uidBytes < 128
    ? [uidBytes]
    : uidBytes < 16_384
    ? [uidBytes & 0x7f | 0x80, uidBytes >> 7]
    : [uidBytes & 0x7f | 0x80, uidBytes >> 7 & 0x7f | 0x80, uidBytes >> 14];
  return new ByteWriter(2 + seed.length + 1 + length.length + uidBytes)
    .bytes(Uint8Array.of(0x0a, seed.length)).bytes(seed).bytes(Uint8Array.of(0x12, ...length)).bytes(uid).written();
}

/** The path of the called method. */
export const encryptPath = "/v2.KeyManagementService/Encrypt";

if (import.meta.main) {
  const [socket = "", json = "{}"] = Deno.args;
  const { connections, inFlight, restMs, seconds, uidBytes, frameBytes }: Load = JSON.parse(json);
  const clients: PipelinedClient[] = [];
  for (let at = 0; at < connections; at++) clients.push(await PipelinedClient.dial(socket));
  const options = {
    path: encryptPath,
    message: encryptRequest(uidBytes),
    inFlight,
    restMs,
    signal: AbortSignal.timeout(seconds * 1000),
    ...(frameBytes > 0 ? { frameBytes } : {}),
  };
  const all = await Promise.all(clients.map((client) => client.run(options)));
  const sum = (figure: (one: typeof all[number]) => number) => all.reduce((total, one) => total + figure(one), 0);
  const failure = all.find((one) => one.failure !== undefined)?.failure;
  const total = {
    ...figuresOf([], [], seconds),
    calls: sum(({ calls }) => calls),
    failed: sum(({ failed }) => failed),
    failure,
  };
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(total)));
  for (const client of clients) await client[Symbol.asyncDispose]();
}

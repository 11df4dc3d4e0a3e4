/**
 * The latencies of calls between kube-apiserver and the plugin, from the metrics of both, over restarts of either.
 *
 * @module
 */
import assert from "node:assert/strict";
import { printFigure } from "./figures.ts";
import { Latencies } from "./metrics.ts";

/** The latencies of one scenario. kube-apiserver has metrics for v2 only. */
export class RpcFigures {
  readonly #plugin = new Latencies("trousseau_rpc_duration_seconds", ["api", "operation", "result"]);
  readonly #server = new Latencies("apiserver_envelope_encryption_kms_operations_latency_seconds", [
    "method_name",
    "grpc_status_code",
  ]);

  /** Adds the metrics of a plugin before its end. */
  takePlugin(page: string): void {
    this.#plugin.add(page);
  }

  /** Adds the metrics of an API server before its end. */
  takeServer(page: string): void {
    this.#server.add(page);
  }

  print(): void {
    for (const line of this.#plugin.describe()) printFigure("calls as the plugin counts them", line);
    for (const line of this.#server.describe()) printFigure("calls as the API servers count them", line);
  }

  /** Checks that every call was answered within kube-apiserver's deadline of 3 s. */
  assertAllAnswered(): void {
    assert.ok(this.#plugin.count > 0 && this.#server.count > 0, "no call was counted");
    // The last bound of the plugin's histogram below 3 s.
    assert.equal(this.#plugin.slowerThan(2.5), 0, "a call took longer than 2.5 s");
    const failed = [
      ...this.#plugin.kinds.filter((kind) => !kind.endsWith(" ok")),
      ...this.#server.kinds.filter((kind) => !kind.endsWith(" OK")),
    ];
    assert.deepEqual(failed, [], "calls failed");
  }
}

/**
 * The shared input of all parts of the benchmark.
 *
 * @module
 */
import type { Vault } from "../support/vault.ts";
import type { Launchers } from "./contestants.ts";
import type { Driver } from "./driver.ts";

/** A Vault and its simulated latency. */
export interface DistantVault {
  readonly latencyMs: number;
  readonly vault: Vault;
}

/** Shared by all parts. */
export interface Bench {
  readonly driver: Driver;
  readonly launchers: Launchers;
  /** A folder under `/run`, to which the plugin can write. */
  readonly folder: string;
  /** At 0, 5 and 20 ms. */
  readonly vaults: readonly DistantVault[];
  /** Number of measurements of each figure; the median counts. */
  readonly rounds: number;
  /** The program of another plugin to compare with, if requested. */
  readonly peer?: string;
}

/** The Vault with a latency of `latencyMs` milliseconds. */
export function vaultAt(bench: Bench, latencyMs: number): Vault {
  const found = bench.vaults.find((one) => one.latencyMs === latencyMs);
  if (found === undefined) throw new Error(`There is no Vault at ${latencyMs} ms.`);
  return found.vault;
}

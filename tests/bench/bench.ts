/**
 * What every part of the benchmark is given.
 *
 * @module
 */
import type { Vault } from "../support/vault.ts";
import type { Launchers } from "./contestants.ts";
import type { Driver } from "./driver.ts";

/** A Vault and how far away it pretends to be. */
export interface DistantVault {
  readonly latencyMs: number;
  readonly vault: Vault;
}

/** Shared by all parts. */
export interface Bench {
  readonly driver: Driver;
  readonly launchers: Launchers;
  /** A folder under `/run`, the only kind of place where the plugin may write. */
  readonly folder: string;
  /** At 0, 5 and 20 ms. */
  readonly vaults: readonly DistantVault[];
  /** How often each figure is taken; the median counts. */
  readonly rounds: number;
  /** Another plugin to hold beside ours, if it was asked for. */
  readonly peer?: string;
  /** Another commit of this repository, staged; only with `--against`. */
  readonly against?: { readonly revision: string; readonly launcher: string };
}

/** The Vault that is so many milliseconds away. */
export function vaultAt(bench: Bench, latencyMs: number): Vault {
  const found = bench.vaults.find((one) => one.latencyMs === latencyMs);
  if (found === undefined) throw new Error(`There is no Vault at ${latencyMs} ms.`);
  return found.vault;
}

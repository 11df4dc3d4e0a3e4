/**
 * Reads snapshots with a configuration of some providers alone, without a plugin and a cluster.
 *
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import { parse } from "yaml";
import type { MadeSecret } from "./generations.ts";
import type { Node } from "./plugin.ts";

/** The document of `decrypt --check --json`. */
export interface DrillDocument {
  readonly seeds: number;
  readonly encrypted: number;
  readonly opened: number;
  readonly plain: number;
  readonly configured: number;
  readonly closed: number;
  readonly providers: readonly { readonly name: string; readonly objects: number; readonly error: string | null }[];
}

/** An entry of `providers`. */
interface NamedEntry {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** Opens a snapshot with a configuration of some providers alone. */
export class SnapshotReader {
  readonly #node: Node;
  readonly #config: string;
  readonly #more: readonly string[];

  private constructor(node: Node, config: string, more: readonly string[]) {
    this.#node = node;
    this.#config = config;
    this.#more = more;
  }

  /** Writes the configuration. @param more options of each command. */
  static async of(node: Node, providers: readonly NamedEntry[], ...more: string[]): Promise<SnapshotReader> {
    const isVault = providers.some(({ name }) => name === "vault");
    const readForeign = isVault ? [{ format: "vault-kubernetes-kms", providers: ["vault"] }] : [];
    const name = `only-${providers.map(({ name }) => name).join("-")}.yaml`;
    const config = JSON.stringify(node.config({ providers, readForeign }));
    return new SnapshotReader(node, await node.write(name, config), more);
  }

  /** The restore drill of Secrets whose values begin with "canary". @throws {AssertionError} if it does not end with `status`. */
  async drill(snapshot: string, status: number): Promise<DrillDocument> {
    const { code, stdout, stderr } = await this.#decrypt(snapshot, "--check", "--json");
    equal(code, status, stdout + stderr);
    equal(/canary|Y2FuYXJ5/.test(stdout + stderr), false, "a drill shows no value");
    return JSON.parse(stdout);
  }

  /** @throws {AssertionError} if the Secret is not shown with its value. */
  async assertShows(snapshot: string, one: MadeSecret): Promise<void> {
    const { code, stdout, stderr } = await this.#decrypt(
      snapshot,
      "--show",
      `/registry/secrets/${one.namespace}/${one.name}`,
    );
    equal(code, 0, stderr);
    const { metadata, data } = parse(stdout);
    deepEqual([metadata.namespace, metadata.name, atob(data.value)], [one.namespace, one.name, one.value]);
  }

  #decrypt(snapshot: string, ...words: string[]) {
    return this.#node.command(
      "decrypt",
      "--snapshot",
      snapshot,
      "--config",
      this.#config,
      ...this.#more,
      ...words,
    );
  }
}

/**
 * The KMS of a plugin by name, so that one scenario can run with each.
 *
 * @module
 */
import { join } from "node:path";
import type { Node } from "./plugin.ts";
import { vaultUnderTest } from "./vault.ts";

/** The name of a KMS. */
export type Kms = "local" | "vault";

/** Entries of `providers` for one node. Disposing of it ends the server behind them. */
export interface Providers extends AsyncDisposable {
  readonly entries: readonly unknown[];
}

/** Sets up a KMS for a node. */
export async function setUp(kms: Kms, node: Node): Promise<Providers> {
  return await ({ local, vault })[kms](node);
}

function local(node: Node): Promise<Providers> {
  const entries = [{ name: "local", kind: "local", keyFile: join(node.folder, "local.keys"), create: true }];
  return Promise.resolve({ entries, [Symbol.asyncDispose]: () => Promise.resolve() });
}

async function vault(node: Node): Promise<Providers> {
  const server = await vaultUnderTest();
  const { provider } = await server.key(node);
  return { entries: [provider], [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

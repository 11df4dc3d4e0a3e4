/**
 * vault-kubernetes-kms beside our plugin, on the same Vault.
 *
 * @module
 */
import { join } from "node:path";
import { type Bench, vaultAt } from "./bench.ts";
import type { Contestant } from "./contestants.ts";
import { freePort, run } from "../support/processes.ts";

const module = "github.com/FalcoSuessgott/vault-kubernetes-kms";

/**
 * The peer's program: from `TROUSSEAU_PEER_BIN`, otherwise built from its Go module, which takes a minute.
 *
 * @throws {Error} if there is neither: a requested comparison must not be left out.
 */
export async function peerProgram(folder: string): Promise<string> {
  const given = Deno.env.get("TROUSSEAU_PEER_BIN");
  if (given !== undefined) return given;
  const { code, stderr } = await run("nice", ["go", "install", `${module}@latest`], {
    env: { GOBIN: folder, GOFLAGS: "-trimpath" },
  });
  if (code === 0) return join(folder, "vault-kubernetes-kms");
  throw new Error(`Cannot build ${module}; set TROUSSEAU_PEER_BIN to its program. Go said: ${stderr.trim()}`);
}

/** The peer on the Vault with a latency of `latencyMs` milliseconds, with the same key as our plugin. */
export async function peer(program: string, bench: Bench, latencyMs: number): Promise<Contestant> {
  const vault = vaultAt(bench, latencyMs);
  const socket = join(await Deno.makeTempDir({ dir: bench.folder }), "peer.sock");
  const command = [
    program,
    "-socket",
    `unix://${socket}`,
    "-vault-address",
    vault.address,
    "-auth-method",
    "token",
    "-token",
    vault.token,
    "-transit-key",
    "bench",
    "-health-port",
    String(freePort()),
    "-force-socket-overwrite=true",
  ];
  return { name: `peer, vault ${latencyMs} ms`, socket, command };
}

/**
 * vault-kubernetes-kms beside our plugin, on the same Vault.
 *
 * @module
 */
import { join } from "node:path";
import { type Bench, vaultAt } from "./bench.ts";
import type { Contestant } from "./contestants.ts";
import { serverProgram } from "../e2e/servers.ts";
import { freePort, run } from "../support/processes.ts";
import type { Vault } from "../support/vault.ts";
import { progress } from "./report.ts";

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
  const socket = join(await Deno.makeTempDir({ dir: bench.folder }), "peer.sock");
  const command = peerCommand(program, socket, vaultAt(bench, latencyMs));
  return { name: `peer, vault ${latencyMs} ms`, socket, command };
}

function peerCommand(program: string, socket: string, { address, token }: Vault): string[] {
  const paths = ["-socket", `unix://${socket}`, "-force-socket-overwrite=true"];
  const login = ["-vault-address", address, "-auth-method", "token", "-token", token];
  return [program, ...paths, ...login, "-transit-key", "bench", "-health-port", String(freePort())];
}

/** Another plugin to compare with. */
export interface Peer {
  /** Its name, which says whether it is a stand-in. */
  readonly name: string;
  /** Its command line on a Vault with the key of `prepareVault`. */
  command(socket: string, vault: Vault): readonly string[];
}

/**
 * vault-kubernetes-kms, or its stand-in where it cannot be had.
 *
 * @param folder the folder for its program.
 */
export async function peerOrStandIn(folder: string): Promise<Peer> {
  const program = await peerProgram(folder).catch(async (error: Error) => {
    await progress(`${error.message}\nIts stand-in takes its place.`);
  });
  if (program === undefined) return await peerStandIn();
  return { name: "vault-kubernetes-kms", command: (socket, vault) => peerCommand(program, socket, vault) };
}

/** A plugin on grpc-go that makes the calls of vault-kubernetes-kms to Vault. */
export async function peerStandIn(): Promise<Peer> {
  const program = await serverProgram("foreign-plugin", (line) => void progress(line));
  const dialect = ["-dialect", "vault-kubernetes-kms", "-transit-key", "bench"];
  return {
    name: "a stand-in for vault-kubernetes-kms",
    command: (socket, { address, token }) => {
      return [program, "-socket", socket, ...dialect, "-vault-address", address, "-token", token];
    },
  };
}

/**
 * Three KMS for one plugin, and the faults of each.
 *
 * @module
 */
import { join } from "node:path";
import { run } from "../../support/processes.ts";
import { awsKey } from "./aws.ts";
import type { Node } from "./plugin.ts";
import { vaultUnderTest } from "./vault.ts";
import { Wire } from "./wire.ts";

/** The faults of a KMS: it does not run, it accepts calls without answering, it refuses. */
export const faults = ["killed", "hung", "refusing"] as const;

/** One of {@linkcode faults}. */
export type Fault = typeof faults[number];

/** A fault of one KMS. */
interface Blow {
  /** The description of the fault in the figures. */
  readonly what: string;
  strike(): Promise<void>;
}

/** A KMS with its faults. */
export interface Member {
  readonly name: string;
  /** The entry of `providers`. */
  readonly entry: unknown;
  readonly blows: Readonly<Record<Fault, Blow>>;
  /** Ends the fault. */
  heal(): Promise<void>;
  /** Makes a new version of the key; left out if the KMS cannot. */
  readonly rotate?: () => Promise<void>;
  /** Whether a plugin can be started during the fault. Files of the node itself must be valid at a start. */
  readonly startsWithout: boolean;
}

/** The members of a quorum. Disposing of them ends the servers. */
export interface Members extends AsyncDisposable {
  readonly all: readonly [local: Member, vault: Member, aws: Member];
}

/** Sets up one of each kind for a node. */
export async function threeMembers(node: Node): Promise<Members> {
  await using stack = new AsyncDisposableStack();
  const all = [localMember(node), await vaultMember(node, stack), await awsMember(node, stack)] as const;
  const kept = stack.move();
  return { all, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function localMember(node: Node): Member {
  const keyFile = join(node.folder, "local.keys");
  const away = `${keyFile}.away`;
  const entry = { name: "local", kind: "local", keyFile, create: true };
  return {
    name: "local",
    entry,
    blows: {
      killed: { what: "its key file is gone", strike: () => Deno.rename(keyFile, away) },
      hung: {
        what: "a FIFO, which would hang whoever opens it, in the place of its key file",
        strike: async () => {
          await Deno.rename(keyFile, away);
          const { code, stderr } = await run("mkfifo", ["-m", "600", keyFile]);
          if (code !== 0) throw new Error(`mkfifo ended with ${code}: ${stderr}`);
        },
      },
      refusing: { what: "its key file is open to others", strike: () => Deno.chmod(keyFile, 0o644) },
    },
    heal: async () => {
      if (await Deno.lstat(away).then(() => true, () => false)) await Deno.rename(away, keyFile);
      await Deno.chmod(keyFile, 0o600);
    },
    rotate: async () => {
      const config = await node.write("rotate.yaml", JSON.stringify(node.config({ providers: [entry] })));
      const { code, stderr } = await node.command("keys", "rotate", "--config", config, "--provider", "local");
      if (code !== 0) throw new Error(`trousseau keys rotate ended with ${code}: ${stderr}`);
    },
    startsWithout: false,
  };
}

async function vaultMember(node: Node, stack: AsyncDisposableStack): Promise<Member> {
  const vault = stack.use(await vaultUnderTest());
  const key = await vault.key(node);
  const wire = stack.use(Wire.to(key.provider.address));
  return {
    name: "vault",
    entry: { ...key.provider, address: wire.address },
    blows: remoteBlows(wire, "its policy is deleted", key.withdraw),
    heal: async () => {
      wire.mend();
      await key.grant();
    },
    rotate: key.rotate,
    startsWithout: true,
  };
}

async function awsMember(node: Node, stack: AsyncDisposableStack): Promise<Member> {
  const key = stack.use(await awsKey(node));
  const wire = stack.use(Wire.to(key.provider.endpoint));
  return {
    name: "aws",
    entry: { ...key.provider, endpoint: wire.address, stsEndpoint: wire.address },
    blows: remoteBlows(wire, "its user has another policy", key.withdraw),
    heal: async () => {
      wire.mend();
      await key.grant();
    },
    startsWithout: true,
  };
}

function remoteBlows(wire: Wire, refusal: string, withdraw: () => Promise<void>): Member["blows"] {
  const now = (work: () => void) => (work(), Promise.resolve());
  return {
    killed: { what: "nothing listens at its address", strike: () => now(() => wire.cut()) },
    hung: { what: "it takes connections and answers nothing", strike: () => now(() => wire.freeze()) },
    refusing: { what: refusal, strike: withdraw },
  };
}

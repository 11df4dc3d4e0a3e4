/**
 * A cluster whose Secrets are stored in five ways, as they remain after years: over KMS v1, in plain text, under a key of
 * the EncryptionConfiguration, by another KMS plugin, and over KMS v2.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Process, waitFor } from "../../support/processes.ts";
import { serverProgram } from "../servers.ts";
import type { ApiServer } from "./api_server.ts";
import { Cluster } from "./cluster.ts";
import type { VaultKms } from "./foreign_kms.ts";
import type { Node } from "./plugin.ts";

/** The ways, in the order in which a cluster writes them. */
export const generations = ["v1beta1", "plain", "aesgcm", "foreign", "v2"] as const;

/** One of {@linkcode generations}. */
export type Generation = typeof generations[number];

/** The first parts of the values of each generation in etcd. */
export const prefixes = {
  v1beta1: "k8s:enc:kms:v1:trousseau-v1",
  plain: "plain",
  aesgcm: "k8s:enc:aesgcm:v1:leftover",
  foreign: "k8s:enc:kms:v2:vaultkms",
  v2: "k8s:enc:kms:v2:trousseau",
} as const satisfies Record<Generation, string>;

/** A Secret of a generation. */
export interface MadeSecret {
  readonly generation: Generation;
  readonly namespace: string;
  readonly name: string;
  readonly value: string;
  /** Whether it has the annotation of `kubectl apply`, which holds its value too. */
  readonly isApplied: boolean;
}

/** Concurrent requests while the Secrets are made. */
const width = 16;

/** Makes the Secrets of one generation, spread over namespaces. @param marker the beginning of each value. */
export function secretsOf(generation: Generation, count: number, namespaces: readonly string[], marker: string) {
  return Array.from({ length: count }, (_, at): MadeSecret => ({
    generation,
    namespace: namespaces[at % namespaces.length] ?? "default",
    name: `${generation}-${at}`,
    value: `${marker}-${generation}-${at}`,
    isApplied: Math.floor(at / namespaces.length) % 2 === 0,
  }));
}

/** The path of a Secret in the API. */
export function pathOf({ namespace, name }: Pick<MadeSecret, "namespace" | "name">): string {
  return `/api/v1/namespaces/${namespace}/secrets/${name}`;
}

/** Its annotation, as `kubectl apply` writes it. */
export function lastApplied({ namespace, name, value }: MadeSecret): string {
  const metadata = { annotations: {}, name, namespace };
  return `${JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata, stringData: { value } })}\n`;
}

/** Runs work on all items, several at a time. */
export async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const item of rest) await work(item);
  }));
}

/** Creates Secrets. */
export async function createSecrets(server: ApiServer, made: readonly MadeSecret[]): Promise<void> {
  await each(made, async (one) => {
    const annotations = one.isApplied ? { "kubectl.kubernetes.io/last-applied-configuration": lastApplied(one) } : {};
    const body = { metadata: { name: one.name, annotations }, stringData: { value: one.value } };
    const { status, body: answer } = await server.request("POST", pathOf({ ...one, name: "" }).slice(0, -1), body);
    equal(status, 201, answer);
  });
}

/** The plugins and the cluster. Disposing of it ends them. */
export class GenerationSite implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly #foreign: Process;
  readonly #sockets: Readonly<Record<"ours" | "foreign", string>>;
  readonly #leftover = randomBytes(32).toString("base64");

  private constructor(cluster: Cluster, foreign: Process, sockets: Readonly<Record<"ours" | "foreign", string>>) {
    this.cluster = cluster;
    this.#foreign = foreign;
    this.#sockets = sockets;
  }

  /** Starts the other plugin and the cluster; Trousseau runs at the node's socket already. */
  static async start(node: Node, kms: VaultKms): Promise<GenerationSite> {
    const socket = join(node.folder, "foreign.sock");
    await using stack = new AsyncDisposableStack();
    const foreign = stack.use(
      new Process({
        name: "stand-in for vault-kubernetes-kms",
        command: await serverProgram("foreign-plugin"),
        args: ["-socket", socket, "-dialect", "vault-kubernetes-kms", ...kms.args],
      }),
    );
    const there = () => Deno.stat(socket).then(({ isSocket }) => isSocket === true, () => false);
    await waitFor("the other plugin's socket", there, { timeoutMs: 60_000, alive: [foreign] });
    const cluster = stack.use(await Cluster.start());
    stack.move();
    return new GenerationSite(cluster, foreign, { ours: node.socket, foreign: socket });
  }

  /** Starts the API server again, which writes in the way of a generation and reads all before. */
  async turnTo(generation: Generation): Promise<void> {
    await this.cluster.stopServer();
    const encryption = this.encryption(generation);
    await this.cluster.startServer({ encryption, flags: ["--feature-gates=KMSv1=true"] });
  }

  /** The EncryptionConfiguration of a generation. */
  encryption(generation: Generation): string {
    const known = generations.slice(0, generations.indexOf(generation) + 1).toReversed();
    const providers = known.map((one) => this.#provider(one));
    const resources = [{ resources: ["secrets"], providers }];
    return JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    await this.#foreign[Symbol.asyncDispose]();
  }

  #provider(generation: Generation): unknown {
    const kms = (apiVersion: string, name: string, socket: string) => ({
      kms: { apiVersion, name, endpoint: `unix://${socket}` },
    });
    const { ours, foreign } = this.#sockets;
    const all = {
      v1beta1: kms("v1", "trousseau-v1", ours),
      plain: { identity: {} },
      aesgcm: { aesgcm: { keys: [{ name: "leftover", secret: this.#leftover }] } },
      foreign: kms("v2", "vaultkms", foreign),
      v2: kms("v2", "trousseau", ours),
    } as const satisfies Record<Generation, unknown>;
    return all[generation];
  }
}

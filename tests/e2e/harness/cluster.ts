/**
 * A cluster for tests: etcd and an API server.
 *
 * @module
 */
import { join } from "node:path";
import { type ApiServer, type ApiServerOptions, prepareBeside, startApiServer } from "./api_server.ts";
import { type Etcd, startEtcd } from "./etcd.ts";
import { run } from "../../support/processes.ts";

/** Options of a cluster. */
export type ClusterOptions = Pick<ApiServerOptions, "encryption" | "flags" | "until" | "hostname">;

/** The exit status and output of `kubectl`. */
export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A cluster without nodes. Disposing of it ends it and removes its files. */
export class Cluster implements AsyncDisposable {
  readonly etcd: Etcd;
  readonly #folder: string;
  #server: ApiServer | undefined;

  private constructor(folder: string, etcd: Etcd) {
    this.#folder = folder;
    this.etcd = etcd;
  }

  /** Starts a cluster. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const folder = await Deno.makeTempDir({ prefix: "trousseau-e2e-" });
    const cluster = new Cluster(folder, await startEtcd(join(folder, "etcd")));
    try {
      await cluster.startServer(options);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The API server. */
  get server(): ApiServer {
    if (this.#server === undefined) throw new Error("The API server of this cluster is not running.");
    return this.#server;
  }

  /** Starts the API server again, with the same keys, port and etcd. */
  async startServer(options: ClusterOptions = {}): Promise<ApiServer> {
    this.#server = await startApiServer({ etcd: this.etcd, folder: join(this.#folder, "server"), ...options });
    return this.#server;
  }

  /**
   * Starts a further API server on the same etcd, with the same accounts; again with the same port if it was started
   * before. The caller disposes of it.
   */
  async startBeside(options: ClusterOptions & { readonly hostname: string }): Promise<ApiServer> {
    const folder = join(this.#folder, options.hostname);
    await prepareBeside(join(this.#folder, "server"), folder);
    return await startApiServer({ etcd: this.etcd, folder, ...options });
  }

  /** Ends the API server. */
  async stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.[Symbol.asyncDispose]();
  }

  /** Runs `kubectl` as the administrator. */
  async kubectl(args: readonly string[], stdin?: unknown): Promise<KubectlResult> {
    const text = stdin === undefined ? {} : { stdin: typeof stdin === "string" ? stdin : JSON.stringify(stdin) };
    return await run("kubectl", args, { env: this.kubectlEnv, ...text });
  }

  /** The environment of a `kubectl` for this cluster only. */
  get kubectlEnv(): Record<string, string> {
    return { KUBECONFIG: this.server.kubeconfig, HOME: this.#folder };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopServer();
    await this.etcd[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

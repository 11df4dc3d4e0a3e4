/**
 * A double of kube-apiserver with objects in memory, for faults that the real one does not have on demand.
 *
 * @module
 */
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ClusterAccess } from "../../lib/cluster/apiserver/access.ts";
import { metricHash } from "../../lib/cluster/rewrite/key_id_metrics.ts";
import { Authority } from "./certificates.ts";

/** An answer of the double. */
export interface DoubleAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request to the double. */
export interface DoubleRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly body: unknown;
}

/** A fault of one request: an answer, `hang` or `reset`; `undefined` for the normal answer. */
export type DoubleFault = (request: DoubleRequest) => DoubleAnswer | "hang" | "reset" | undefined;

interface StoredDouble {
  revision: number;
  keyId: string;
  readonly annotations: Set<string>;
}

const pattern = /^\/api\/v1\/namespaces\/([^/]+)\/(secrets|configmaps)(?:\/([^/]+))?$/;

/** A Status of the API server. */
export function statusAnswer(status: number, message: string, headers: Record<string, string> = {}): DoubleAnswer {
  return { status, body: { kind: "Status", apiVersion: "v1", status: "Failure", message, code: status }, headers };
}

/** Secrets and ConfigMaps in namespaces. An object is written again if it is under another key ID, as over KMS v2. */
export class ApiServerDouble implements AsyncDisposable {
  readonly authority = new Authority("API server");
  /** By `RESOURCE/NAMESPACE/NAME`. */
  readonly objects = new Map<string, StoredDouble>();
  readonly namespaces = new Set<string>();
  readonly requests: DoubleRequest[] = [];
  /** Identity, and the names of the Leases; the server's own is the first. */
  leases: string[] = ["apiserver-one"];
  /** Whether its metrics name it, as since Kubernetes 1.29. */
  namesItself = true;
  /** The line of its metrics, in seconds; none if `undefined`. */
  startedAt: number | undefined = 1_764_519_000.25;
  /** The key ID that it writes with. */
  keyId = "t1-new";
  /** The key IDs before it, in its metrics. */
  pastKeyIds: readonly string[] = ["t1-old"];
  /** Whether every write is stored anew, as over KMS v1. */
  storesAlways = false;
  fault: DoubleFault = () => undefined;
  #revision = 100;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    const { certificate, key } = this.authority.issue({ commonName: "localhost", names: ["localhost"] });
    this.#server = createServer({ cert: certificate, key }, (request, response) => this.#receive(request, response));
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async open(): Promise<ApiServerDouble> {
    const double = new ApiServerDouble();
    await new Promise<void>((resolve) => double.#server.listen(0, "127.0.0.1", resolve));
    return double;
  }

  /** `https://localhost:PORT`. */
  get origin(): string {
    const address = this.#server.address();
    return `https://localhost:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  get access(): ClusterAccess {
    const none = { serverName: undefined, certificate: undefined, key: undefined, token: undefined };
    return { source: "a test", server: new URL(this.origin), ca: this.authority.certificate, ...none };
  }

  /** Stores objects under an old key. */
  put(resource: "secrets" | "configmaps", namespace: string, ...names: readonly string[]): void {
    this.namespaces.add(namespace);
    for (const name of names) this.#store(`${resource}/${namespace}/${name}`, "t1-old", new Set());
  }

  /** Names of the objects that are not under its key ID. */
  get stale(): readonly string[] {
    return [...this.objects].filter(([, { keyId }]) => keyId !== this.keyId).map(([id]) => id);
  }

  /** Names of the objects with an annotation. */
  get annotated(): readonly string[] {
    return [...this.objects].filter(([, { annotations }]) => annotations.size > 0).map(([id]) => id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "", this.origin);
      const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
      const asked: DoubleRequest = {
        method: request.method ?? "",
        path: url.pathname,
        query: url.searchParams,
        accept: request.headers.accept ?? "",
        body: text === "" ? undefined : JSON.parse(text),
      };
      this.requests.push(asked);
      const fault = this.fault(asked);
      if (fault === "hang") return;
      if (fault === "reset") return void request.socket.destroy();
      const { status, body, headers } = fault ?? this.#answer(asked);
      const bytes = new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
      response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length, ...headers });
      response.end(bytes);
    });
  }

  #answer(request: DoubleRequest): DoubleAnswer {
    const { path } = request;
    if (path === "/metrics") return { status: 200, body: this.#metrics() };
    if (path === "/api/v1") return { status: 200, body: discovery };
    if (path.endsWith("/kube-system/leases")) return { status: 200, body: this.#leaseList() };
    if (path === "/api/v1/namespaces") return this.#list([...this.namespaces].toSorted(), request);
    const [, namespace = "", resource = "", name] = pattern.exec(path) ?? [];
    if (resource === "") return statusAnswer(404, "the server could not find the requested resource");
    const prefix = `${resource}/${namespace}/`;
    if (name !== undefined) return this.#patch(`${prefix}${decodeURIComponent(name)}`, request);
    const ids = [...this.objects.keys()].filter((id) => id.startsWith(prefix));
    return this.#list(ids.map((id) => id.slice(prefix.length)).toSorted(), request);
  }

  #list(all: readonly string[], { query }: DoubleRequest): DoubleAnswer {
    const only = query.get("fieldSelector");
    const names = only === null ? all : all.filter((name) => only === `metadata.name=${name}`);
    const [from, limit] = [Number(query.get("continue") ?? 0), Number(query.get("limit") ?? 500)];
    const rest = names.length - from - limit;
    const more = rest > 0 ? { continue: `${from + limit}`, remainingItemCount: rest } : {};
    return {
      status: 200,
      body: tableOf(names.slice(from, from + limit), { resourceVersion: `${this.#revision}`, ...more }),
    };
  }

  #patch(id: string, { body }: DoubleRequest): DoubleAnswer {
    const found = this.objects.get(id);
    if (found === undefined) return statusAnswer(404, `${id} not found`);
    const { metadata = {} } = body as { metadata?: { annotations?: Record<string, string | null> } };
    const annotations = new Set(found.annotations);
    for (const [name, value] of Object.entries(metadata.annotations ?? {})) {
      if (value === null) annotations.delete(name);
      else annotations.add(name);
    }
    const changed = annotations.size !== found.annotations.size;
    if (changed || (!this.storesAlways && found.keyId !== this.keyId)) this.#store(id, this.keyId, annotations);
    const { revision } = this.objects.get(id) ?? found;
    return { status: 200, body: tableOf([id.split("/").at(-1) ?? ""], { resourceVersion: `${revision}` }) };
  }

  #store(id: string, keyId: string, annotations: Set<string>): void {
    this.objects.set(id, { revision: ++this.#revision, keyId, annotations });
  }

  #metrics(): string {
    const name = "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds";
    const own = this.namesItself ? `apiserver_id_hash="${metricHash(this.leases[0] ?? "")}",` : "";
    const start = this.startedAt === undefined ? [] : [`process_start_time_seconds ${this.startedAt.toExponential()}`];
    return [
      `# HELP ${name} [ALPHA] The last time.`,
      ...this.pastKeyIds.map((id) => {
        return `${name}{${own}key_id_hash="${metricHash(id)}",provider_name="trousseau"} 1.764519372e+09`;
      }),
      `${name}{${own}key_id_hash="${metricHash(this.keyId)}",provider_name="trousseau"} 1.764519432e+09`,
      'other_metric{le="1"} 3',
      ...start,
      "",
    ].join("\n");
  }

  #leaseList(): unknown {
    const renewTime = new Date().toISOString();
    return {
      kind: "LeaseList",
      items: this.leases.map((name, at) => ({
        metadata: { name, labels: { "kubernetes.io/hostname": `node-${at}` } },
        spec: { renewTime, leaseDurationSeconds: 3_600 },
      })),
    };
  }
}

const verbs = ["create", "delete", "get", "list", "patch"];
const discovery = {
  kind: "APIResourceList",
  resources: ["secrets", "configmaps"].map((name) => ({ name, namespaced: true, verbs })),
};

/** A Table as the API server answers it. */
export function tableOf(names: readonly string[], metadata: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: [{ name: "Name", type: "string", format: "name" }, { name: "Age", type: "string", format: "" }],
    rows: names.map((name) => ({ cells: [name, "1d"], object: null })),
  };
}

/**
 * A real kube-apiserver on loopback.
 *
 * @module
 */
import { join } from "node:path";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import type { Etcd } from "./etcd.ts";
import { freePort, Process, waitFor } from "../../support/processes.ts";
import { serverProgram } from "../servers.ts";

/** Options of an API server. */
export interface ApiServerOptions {
  readonly etcd: Etcd;
  /** The folder of its keys, certificates and token. A restart in the same folder keeps its identity. */
  readonly folder: string;
  /** An EncryptionConfiguration as text; without it nothing is encrypted. */
  readonly encryption?: string;
  readonly flags?: readonly string[];
  /** The condition to wait for: `/readyz` (by default), `/livez`, or any answer. */
  readonly until?: "ready" | "live" | "answering";
  /**
   * The name of its machine, in a UTS namespace of its own. kube-apiserver makes its identity of that name, so that two of
   * them on one machine have one identity otherwise.
   */
  readonly hostname?: string;
}

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** A running API server. */
export interface ApiServer extends AsyncDisposable {
  readonly process: Process;
  readonly kubeconfig: string;
  /** Milliseconds from exec to the awaited condition. */
  readonly startMs: number;
  /** Makes one call as the administrator. It returns answers of any status. */
  request(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /** Whether `/readyz` answers 200 now. */
  ready(): Promise<boolean>;
}

const startTimeoutMs = 180_000;
const callTimeoutMs = 35_000;

/** Starts an API server and waits for it. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { etcd, folder, encryption, flags = [], until = "ready", hostname } = options;
  const program = await serverProgram("kube-apiserver");
  const { token, port } = await prepareApiServer(folder);
  const at = performance.now();
  const process = new Process({
    name: "kube-apiserver",
    ...onMachine(hostname, program, [
      ...apiServerFlags(etcd, folder, port),
      ...await encryptionFlags(folder, encryption),
      ...flags,
    ]),
  });
  const client = await waitFor("the API server's certificate", () => trusting(join(folder, "certs/apiserver.crt")), {
    timeoutMs: startTimeoutMs,
    alive: [process],
  });
  const url = `https://127.0.0.1:${port}`;
  const request = async (method: string, path: string, body?: unknown): Promise<ApiAnswer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      client: client.value,
      signal: AbortSignal.timeout(callTimeoutMs),
      headers: { authorization: `Bearer ${token}`, "content-type": contentType(method) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.text() };
  };
  const green = async (path: string) => (await request("GET", path)).status === 200;
  const server: ApiServer = {
    process,
    kubeconfig: join(folder, "kubeconfig"),
    request,
    ready: () => green("/readyz"),
    get startMs() {
      return startMs;
    },
    async [Symbol.asyncDispose]() {
      await process.stop();
      client.value.close();
    },
  };
  await Deno.writeTextFile(server.kubeconfig, kubeconfig(url, token, join(folder, "certs/apiserver.crt")));
  const signs = {
    ready: () => green("/readyz"),
    live: () => green("/livez"),
    answering: async () => (await request("GET", "/version")).status > 0,
  };
  await waitFor(`an API server that is ${until}`, signs[until], { timeoutMs: startTimeoutMs, alive: [process] });
  const startMs = performance.now() - at;
  return server;
}

/** Makes keys, token and port once for each folder, so that a kubeconfig stays valid after a restart. */
export async function prepareApiServer(folder: string): Promise<{ token: string; port: number }> {
  const file = join(folder, "prepared.json");
  const known = await Deno.readTextFile(file).catch(() => undefined);
  if (known !== undefined) return JSON.parse(known);
  await Deno.mkdir(folder, { recursive: true });
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const prepared = { token: randomUUID(), port: freePort() };
  await Deno.writeTextFile(join(folder, "sa.pub"), publicKey);
  await Deno.writeTextFile(join(folder, "sa.key"), privateKey);
  await Deno.writeTextFile(join(folder, "tokens.csv"), `${prepared.token},admin,1,system:masters\n`);
  await Deno.writeTextFile(file, JSON.stringify(prepared));
  return prepared;
}

/** The command line of a program on a machine with another name. */
function onMachine(hostname: string | undefined, program: string, args: readonly string[]) {
  if (hostname === undefined) return { command: program, args };
  const namespaces = Deno.uid() === 0 ? ["--uts"] : ["--user", "--map-root-user", "--uts"];
  const script = 'hostname "$0" && exec "$@"';
  return { command: "unshare", args: [...namespaces, "/bin/sh", "-c", script, hostname, program, ...args] };
}

/** Makes the folder of a further API server of a cluster: the same accounts and keys, and a port of its own. */
export async function prepareBeside(first: string, folder: string): Promise<void> {
  const file = join(folder, "prepared.json");
  if (await Deno.stat(file).then(() => true, () => false)) return;
  await Deno.mkdir(folder, { recursive: true });
  for (const name of ["sa.pub", "sa.key", "tokens.csv"]) await Deno.copyFile(join(first, name), join(folder, name));
  const { token } = await prepareApiServer(first);
  await Deno.writeTextFile(file, JSON.stringify({ token, port: freePort() }));
}

/** The flags of an API server without encryption, with the files of {@linkcode prepareApiServer}. */
export function apiServerFlags(etcd: Etcd, folder: string, port: number): string[] {
  return [
    `--etcd-servers=${etcd.url}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${join(folder, "certs")}`,
    `--token-auth-file=${join(folder, "tokens.csv")}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${join(folder, "sa.pub")}`,
    `--service-account-signing-key-file=${join(folder, "sa.key")}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    // The admission plugin would wait for accounts that only a controller manager makes, which does not run here.
    "--disable-admission-plugins=ServiceAccount",
  ];
}

async function encryptionFlags(folder: string, encryption: string | undefined): Promise<string[]> {
  if (encryption === undefined) return [];
  const file = join(folder, "encryption.yaml");
  await Deno.writeTextFile(file, encryption);
  return [`--encryption-provider-config=${file}`];
}

/** A client that trusts the certificate that the API server has made. The file also holds its authority. */
async function trusting(file: string): Promise<Deno.HttpClient | undefined> {
  const pem = await Deno.readTextFile(file).catch(() => "");
  const complete = pem.split("-----END CERTIFICATE-----").length === 3;
  return complete ? Deno.createHttpClient({ caCerts: [pem] }) : undefined;
}

function contentType(method: string): string {
  return method === "PATCH" ? "application/merge-patch+json" : "application/json";
}

function kubeconfig(server: string, token: string, authority: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "e2e", cluster: { server, "certificate-authority": authority } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "e2e", context: { cluster: "e2e", user: "admin" } }],
    "current-context": "e2e",
  });
}

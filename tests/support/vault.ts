/**
 * A real Vault or OpenBao for one test: in memory, initialised, unsealed, on loopback.
 *
 * The programs are Vault's core and OpenBao's release, as `tests/e2e/servers.ts` provides them; where
 * `TROUSSEAU_VAULT_BIN` names one (`TROUSSEAU_E2E_VAULT_BIN` for `tests/e2e/run.ts`), that one alone. A `vault` or a
 * `bao` is run in its development mode.
 *
 * @module
 */
import { basename, join } from "node:path";
import { serverProgram } from "../e2e/servers.ts";
import { Authority } from "./certificates.ts";
import { freePort, Process, waitFor } from "./processes.ts";

/** A server program for tests. */
export interface VaultEngine {
  /** Its name with the version, as in the names of tests and in the support matrix. */
  readonly name: string;
  readonly isOpenBao: boolean;
  /** Whether the support matrix has rows for it. It has none for a program from the environment. */
  readonly isKept: boolean;
  /** The path of its program. */
  program(): Promise<string>;
}

/** Options of a server. */
export interface VaultOptions {
  /** The first of {@linkcode vaultEngines} if left out. */
  readonly engine?: VaultEngine;
  /** Serve HTTPS with a certificate for `127.0.0.1` and `vault.test`. */
  readonly tls?: boolean;
  /** Delay of every answer in milliseconds. Only Vault's core from this repository supports it. */
  readonly latencyMs?: number;
}

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** A running Vault. Disposing of it ends it and removes its files. */
export interface Vault extends AsyncDisposable {
  readonly address: string;
  readonly token: string;
  /** The authority of its certificate. It can also issue certificates of clients. */
  readonly authority: Authority;
  /** The file with the PEM of the authority. */
  readonly caFile: string;
  /** A folder for the files of the test. */
  readonly folder: string;
  readonly process: Process;
  /** Calls the API with the root token. It throws if the call is refused. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /** Calls the API with any token or none, and returns refusals too. */
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>;
  seal(): Promise<void>;
  unseal(): Promise<void>;
}

const token = "root";

const provided: readonly [VaultEngine, ...VaultEngine[]] = [
  { name: "Vault 1.21", isOpenBao: false, isKept: true, program: () => serverProgram("vault-test-server") },
  { name: "OpenBao 2.7", isOpenBao: true, isKept: true, program: () => serverProgram("bao") },
];

function given(path: string): VaultEngine {
  const isOpenBao = basename(path).includes("bao");
  return { name: "another engine", isOpenBao, isKept: false, program: () => Promise.resolve(path) };
}

const named = Deno.env.get("TROUSSEAU_VAULT_BIN");

/** The available servers. */
export const vaultEngines = named === undefined ? provided : [given(named)] as const;

/** Registers a test for each of {@linkcode vaultEngines}. */
export function testOnVaults(name: string, run: (engine: VaultEngine) => Promise<void>): void {
  for (const engine of vaultEngines) Deno.test(`${name} (${engine.name})`, () => run(engine));
}

/** Starts a server and waits until it answers. */
export async function startVault(options: VaultOptions = {}): Promise<Vault> {
  const folder = await Deno.makeTempDir({ prefix: "vault-" });
  const authority = new Authority();
  const caFile = join(folder, "ca.pem");
  await Deno.writeTextFile(caFile, authority.certificate);
  const listen = `127.0.0.1:${freePort()}`;
  const { process, printed } = await startProcess(listen, folder, authority, options);
  const announced = /unseal_key=([0-9a-f]+)|Unseal Key: (\S+)/;
  const wait = { timeoutMs: 30_000, everyMs: 50, alive: [process] };
  const { value: [, hex, other] } = await waitFor(
    "Vault",
    async () => announced.exec(await printed()) ?? undefined,
    wait,
  );
  const client = Deno.createHttpClient({ caCerts: [authority.certificate] });
  const address = `${options.tls === true ? "https" : "http"}://${listen}`;

  const ask = async (method: string, path: string, body?: unknown, headers = {}): Promise<ApiAnswer> => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      client,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  const api = async (method: string, path: string, body?: unknown): Promise<ApiAnswer> => {
    const answer = await ask(method, path, body, { "x-vault-token": token });
    if (answer.status < 400) return answer;
    throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  };
  return {
    address,
    token,
    authority,
    caFile,
    folder,
    process,
    api,
    ask,
    seal: async () => void await api("POST", "sys/seal"),
    unseal: async () => {
      await ask("POST", "sys/unseal", { key: hex ?? other });
      await waitFor("Vault to serve", async () => (await ask("GET", "sys/health")).status === 200, wait);
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await process[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Makes a namespace level by level: neither server can make two levels at once. */
export async function makeNamespace({ ask, token }: Pick<Vault, "ask" | "token">, path: string): Promise<void> {
  const above: string[] = [];
  for (const level of path.split("/").filter(Boolean)) {
    const headers = { "x-vault-token": token, ...(above.length > 0 ? { "x-vault-namespace": above.join("/") } : {}) };
    const known = await ask("GET", `sys/namespaces/${level}`, undefined, headers);
    const { status } = known.status === 404 ? await ask("POST", `sys/namespaces/${level}`, {}, headers) : known;
    if (status >= 300) throw new Error(`Cannot make namespace ${level} in /${above.join("/")}: it answered ${status}.`);
    above.push(level);
  }
}

/** A starting program, and its output so far. */
interface Started {
  readonly process: Process;
  readonly printed: () => Promise<string>;
}

async function startProcess(
  listen: string,
  folder: string,
  authority: Authority,
  options: VaultOptions,
): Promise<Started> {
  const engine = options.engine ?? vaultEngines[0];
  const command = await engine.program();
  const [certificate, key] = [join(folder, "server.pem"), join(folder, "server.key")];
  const pair = authority.issue({ commonName: "vault", names: ["127.0.0.1", "vault.test"] });
  await Deno.writeTextFile(certificate, pair.certificate);
  await Deno.writeTextFile(key, pair.key);
  if (basename(command) !== "vault-test-server") {
    const pair = options.tls === true ? { certificate, key } : undefined;
    return await startDevelopmentServer(engine, command, listen, folder, pair);
  }
  const tls = options.tls === true ? ["-tls-cert", certificate, "-tls-key", key] : [];
  const latency = options.latencyMs === undefined ? [] : ["-latency-ms", `${options.latencyMs}`];
  const args = ["-listen", listen, "-token", token, ...tls, ...latency];
  const process = new Process({ name: "Vault", command, args });
  return { process, printed: () => Promise.resolve(process.output) };
}

/** `vault server -dev` and `bao server -dev` have one listener without TLS. One with TLS is added. */
async function startDevelopmentServer(
  { isOpenBao }: VaultEngine,
  command: string,
  listen: string,
  folder: string,
  tls: { readonly certificate: string; readonly key: string } | undefined,
): Promise<Started> {
  const config = join(folder, "server.hcl");
  const files = `tls_cert_file = "${tls?.certificate}"\n  tls_key_file = "${tls?.key}"`;
  const listener = tls === undefined ? "" : `listener "tcp" {\n  address = "${listen}"\n  ${files}\n}\n`;
  // OpenBao permits audit devices through the API only with this setting, which Vault does not have.
  const audit = isOpenBao ? "unsafe_allow_api_audit_creation = true\n" : "";
  await Deno.writeTextFile(config, audit + listener);
  const plain = tls === undefined ? listen : `127.0.0.1:${freePort()}`;
  const known = [`-dev-root-token-id=${token}`, "-dev-no-store-token"];
  const args = ["server", "-dev", ...known, `-dev-listen-address=${plain}`, `-config=${config}`];
  // It can print at any time. With a pipe, a pending read would count as a leak in every test.
  const log = join(folder, "server.log");
  await Deno.writeTextFile(log, "");
  const shell = ["-c", 'log=$1; shift; exec "$0" "$@" >"$log" 2>&1', command, log, ...args];
  const process = new Process({ name: command, command: "/bin/sh", args: shell });
  return { process, printed: () => Deno.readTextFile(log) };
}

/**
 * The two servers that are compared: our keyring, and Vault with KV version 2. Both keep their data in files on the
 * same disk, write an audit to a file, and serve TLS with a certificate of one authority.
 *
 * @module
 */
import { join } from "node:path";
import { secretPath } from "../../../lib/api/keyring/paths.ts";
import { keyringOwnConfig, openKeyringStore } from "../../../lib/app/keyring_store.ts";
import { utf8 } from "../../../lib/base/bytes.ts";
import { systemClock } from "../../../lib/base/clock.ts";
import { readEnvironment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { Secrets } from "../../../lib/services/keyring/secrets/secrets.ts";
import type { Authority } from "../../support/certificates.ts";
import { serverProgram } from "../../e2e/servers.ts";
import { type KeyringPrograms, KeyringSite } from "../../e2e/harness/keyring.ts";
import { freePort, Process, waitFor } from "../../support/processes.ts";
import type { KvTarget } from "../driver.ts";

/** Tokens of each server: one for each call in flight. The keyring limits the requests of one identity. */
const tokenCount = 16;

const wait = { timeoutMs: 60_000, everyMs: 20 } as const;

/** A server with its data. It can be started again and again. */
export interface KvServer extends AsyncDisposable {
  readonly name: "trousseau" | "vault";
  readonly target: KvTarget;
  /** Its program with all arguments. */
  readonly command: readonly string[];
  /** Starts it, and waits until it serves. */
  start(): Promise<Process>;
  /** Writes all secrets into its store while it does not run; left out by a server that takes them by its API alone. */
  readonly seed?: () => Promise<void>;
}

/** Settings of a server. */
export interface KvServerOptions {
  /** A folder in which it makes its own. */
  readonly folder: string;
  readonly authority: Authority;
  /** Number of secrets that will be written. */
  readonly count: number;
}

interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

async function tlsFiles(folder: string, authority: Authority): Promise<TlsFiles> {
  const [certificateFile, keyFile, caFile] = ["tls.pem", "tls.key", "ca.pem"].map((name) => join(folder, name));
  if (!certificateFile || !keyFile || !caFile) throw new Error("A file has no name.");
  const pair = authority.issue({ commonName: "bench", names: ["127.0.0.1"] });
  await Deno.writeTextFile(certificateFile, pair.certificate);
  await Deno.writeTextFile(keyFile, pair.key, { mode: 0o600 });
  await Deno.writeTextFile(caFile, authority.certificate);
  return { certificateFile, keyFile, caFile };
}

/** A site of ours whose store is in a folder of its own below `/run`. */
export interface KeyringServer extends KvServer {
  readonly site: KeyringSite;
}

/** Makes our server with a local key, or with the providers given. It is not running afterwards. */
export async function keyringServer(
  programs: KeyringPrograms,
  { authority, count }: Omit<KvServerOptions, "folder">,
  providers?: readonly unknown[],
): Promise<KeyringServer> {
  const site = await KeyringSite.make(programs);
  const { caFile, certificateFile, keyFile } = await tlsFiles(site.folder, authority);
  await site.configure({
    keyring: { listen: `127.0.0.1:${site.port}`, tls: { certificateFile, keyFile } },
    ...(providers === undefined ? {} : { providers }),
  });
  const tokens = join(site.folder, "tokens");
  const target = { url: `https://127.0.0.1:${site.port}`, authority: caFile, tokens, count };
  const start = async () => {
    const process = await site.start();
    await waitFor("the TLS port", () => process.output.includes("The API over TLS is on"), wait);
    return process;
  };
  await using _running = await start();
  const policy = { roles: { bench: { rules: [{ path: "bench/", verbs: ["list", "read", "write"] }] } } };
  await called(site, "PUT", "policy", { text: JSON.stringify(policy) });
  await writeTokens(tokens, async (name) => {
    return (await called(site, "POST", "tokens", { role: "bench", ttl: 7 * 86_400, name })).token;
  });
  return {
    name: "trousseau",
    target,
    command: [programs.trousseau, "keyring", "serve", "--config", site.config],
    site,
    start,
    seed: () => writeSecrets(site, count),
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
}

/** Writes in flight: as many as share a commit. */
const seeding = 256;

/** Writes the secrets of `kv-seed` in `driver/kv.go` into the store of a site whose server does not run. */
async function writeSecrets(site: KeyringSite, count: number): Promise<void> {
  const config = keyringOwnConfig(await loadConfig(site.config, readEnvironment()));
  const { signal } = new AbortController();
  await using opened = await openKeyringStore(config, { create: false, notify: () => {}, signal });
  const secrets = new Secrets({ store: opened.store, clock: systemClock });
  let next = 0;
  const write = async () => {
    while (next < count) {
      const [folder, number] = [Math.floor(next / 10_000), String(next++).padStart(6, "0")];
      const fields = [["username", `user${number}`], ["password", "0123456789abcdef0123456789abcdef"]] as const;
      await secrets.put(
        secretPath(`bench/${folder}/s${number}`),
        { fields: fields.map(([name, text]) => ({ name, kind: "text", value: utf8(text) })) },
        { signal },
      );
    }
  };
  await Promise.all(Array.from({ length: seeding }, write));
}

async function called(site: KeyringSite, method: string, path: string, body: unknown) {
  const answer = await site.call(method, `/api/v1/${path}`, body);
  if (answer.status < 300) return answer.body;
  throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`);
}

/** Makes a Vault with file storage, KV version 2 and a file audit. It is not running afterwards. */
export async function vaultServer({ folder: base, authority, count }: KvServerOptions): Promise<KvServer> {
  const folder = await Deno.makeTempDir({ dir: base, prefix: "vault-" });
  const { caFile, certificateFile, keyFile } = await tlsFiles(folder, authority);
  const listen = `127.0.0.1:${freePort()}`;
  const target = { url: `https://${listen}`, authority: caFile, tokens: join(folder, "tokens"), count };
  const storage = join(folder, "storage");
  await Deno.mkdir(storage);
  const files = ["-tls-cert", certificateFile, "-tls-key", keyFile, "-storage", storage];
  const command = [await serverProgram("vault-test-server"), "-listen", listen, ...files];
  const start = async () => {
    const [program = "", ...args] = command;
    const process = new Process({ name: "Vault", command: program, args });
    await waitFor("Vault", () => process.output.includes("vault ready"), { ...wait, alive: [process] });
    return process;
  };
  await using _running = await start();
  using client = Deno.createHttpClient({ caCerts: [authority.certificate] });
  const api = async (method: string, path: string, body: unknown) => {
    const headers = { "x-vault-token": "root" };
    const response = await fetch(`${target.url}/v1/${path}`, { method, client, headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  await api("POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } });
  await api("POST", "sys/audit/file", { type: "file", options: { file_path: join(folder, "audit.log") } });
  const rules = ["data", "metadata"].map((part) =>
    `path "secret/${part}/bench/*" { capabilities = ["create", "read", "update", "list"] }`
  );
  await api("POST", "sys/policies/acl/bench", { policy: rules.join("\n") });
  await writeTokens(target.tokens, async (name) => {
    const made = await api("POST", "auth/token/create", { policies: ["bench"], ttl: "168h", display_name: name });
    return made.auth.client_token;
  });
  return {
    name: "vault",
    target,
    command,
    start,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function writeTokens(file: string, make: (name: string) => Promise<string>): Promise<void> {
  const tokens: string[] = [];
  for (let number = 0; number < tokenCount; number++) tokens.push(await make(`bench-${number}`));
  await Deno.writeTextFile(file, `${tokens.join("\n")}\n`, { mode: 0o600 });
}

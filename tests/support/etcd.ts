/**
 * A real etcd for one test: one member or a cluster on loopback, over HTTPS with client certificates, with users on demand.
 *
 * @module
 */
import { Authority } from "./certificates.ts";
import { freePort, Process, waitFor } from "./processes.ts";
import type { SecretSource } from "../../lib/base/secret.ts";
import { Secret } from "../../lib/base/secret.ts";
import type { EtcdSettings } from "../../lib/net/etcd/etcd_client.ts";

/** A running cluster. Disposing of it ends it and removes its files. */
export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly { readonly endpoint: string; process: Process; start(): void }[];
  readonly folder: string;
  readonly authority: Authority;
  /** For {@linkcode EtcdClient.open}. */
  readonly settings: EtcdSettings;
  /** The same with a certificate without a common name, which etcd's gateway wants once it has users. */
  readonly nameless: EtcdSettings;
  /** Calls the gateway of the first member. @param token of a login. @throws {Error} for a refusal. */
  api(path: string, body: unknown, token?: string): Promise<Record<string, unknown>>;
}

/** A secret of a test. */
export function fixedSecret(value: string): SecretSource {
  return { description: "a test", read: () => Promise.resolve(new Secret(value)) };
}

/** Starts a cluster and waits until it has a leader. @param program its etcd; by default that on PATH. */
export async function startCluster(count = 1, program = "etcd"): Promise<EtcdCluster> {
  const folder = await Deno.makeTempDir({ prefix: "etcd-" });
  const authority = new Authority();
  const pairs = { server: ["127.0.0.1"], client: [], nameless: [] };
  await Deno.writeTextFile(`${folder}/ca.pem`, authority.certificate);
  for (const [name, names] of Object.entries(pairs)) {
    const pair = authority.issue({ commonName: name === "nameless" ? "" : name, names });
    await Deno.writeTextFile(`${folder}/${name}.pem`, pair.certificate);
    await Deno.writeTextFile(`${folder}/${name}.key`, pair.key);
  }
  const ports = Array.from({ length: count }, () => [freePort(), freePort()] as const);
  const members = ports.map(([client, peer], index) => {
    const endpoint = `https://127.0.0.1:${client}`;
    const initial = ports.map(([, port], at) => `m${at}=http://127.0.0.1:${port}`).join(",");
    const start = () =>
      new Process({
        name: `etcd ${index}`,
        command: program,
        args: [
          ["--name", `m${index}`, "--data-dir", `${folder}/m${index}`, "--log-level", "error"],
          ["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint],
          ["--listen-peer-urls", `http://127.0.0.1:${peer}`],
          ["--initial-advertise-peer-urls", `http://127.0.0.1:${peer}`, "--initial-cluster", initial],
          ["--cert-file", `${folder}/server.pem`, "--key-file", `${folder}/server.key`],
          ["--trusted-ca-file", `${folder}/ca.pem`, "--client-cert-auth"],
        ].flat(),
      });
    const member = { endpoint, process: start(), start: () => void (member.process = start()) };
    return member;
  });
  const tls = { caFile: `${folder}/ca.pem`, certificateFile: `${folder}/client.pem`, keyFile: `${folder}/client.key` };
  const [cert = "", key = ""] = await Promise.all([
    ...["pem", "key"].map((end) => Deno.readTextFile(`${folder}/nameless.${end}`)),
  ]);
  const client = Deno.createHttpClient({ caCerts: [authority.certificate], cert, key });
  const api = async (path: string, body: unknown, token?: string) => {
    const headers = token === undefined ? {} : { authorization: token };
    const url = `${members[0]?.endpoint}${path}`;
    const response = await fetch(url, { method: "POST", client, headers, body: JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  };
  await waitFor("etcd", async () => {
    const status = await api("/v3/kv/range", { key: "AA==" });
    return "header" in status;
  }, {
    timeoutMs: 60_000,
    alive: members.map(({ process }) => process),
  });
  return {
    members,
    folder,
    authority,
    nameless: {
      endpoints: members.map(({ endpoint }) => endpoint),
      tls: { ...tls, certificateFile: `${folder}/nameless.pem`, keyFile: `${folder}/nameless.key` },
    },
    settings: { endpoints: members.map(({ endpoint }) => endpoint), tls },
    api,
    async [Symbol.asyncDispose]() {
      client.close();
      await Promise.all(members.map(async ({ process }) => {
        process.signal("SIGCONT");
        await process.stop(1_000);
      }));
      await Deno.remove(folder, { recursive: true });
    },
  };
}

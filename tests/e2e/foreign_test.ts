/**
 * A cluster that another plugin has encrypted moves over: the real API server, a real Vault or moto, the same socket and
 * the same name, and 1,000 Secrets that have to be readable all the way.
 *
 * The other plugin is a stand-in that keeps to its documented format (`servers/foreign-plugin`), or the real program
 * where `TROUSSEAU_PEER_BIN` (vault-kubernetes-kms) or `TROUSSEAU_AWS_PEER_BIN` (aws-encryption-provider) names it.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import protobuf from "protobufjs";
import type { DecryptRequest } from "../../lib/api/kms/messages.ts";
import { Process, waitFor } from "../support/processes.ts";
import type { ApiServer } from "./harness/api_server.ts";
import { Cluster } from "./harness/cluster.ts";
import { flagsFor, type KmsApi } from "./harness/encryption.ts";
import type { Entry } from "./harness/etcd.ts";
import { printFigure, seconds } from "./harness/figures.ts";
import { awsKms, type ForeignKms, vaultKms } from "./harness/foreign_kms.ts";
import { countReadable, secret, secrets, writeSecret } from "./harness/load.ts";
import { Node, type Plugin } from "./harness/plugin.ts";
import { serverProgram } from "./servers.ts";

type Format = "trousseau-v1" | "trousseau-v2" | "vault-kubernetes-kms" | "aws-encryption-provider";

/** A move of a cluster from another plugin to ours. */
interface Move {
  readonly format: Format;
  /** The release, where not all of a plugin's wrote the same. */
  readonly release?: "unprefixed";
  readonly from: KmsApi;
  readonly to: KmsApi;
  readonly count: number;
  readonly kms: () => Promise<ForeignKms>;
}

const moves: readonly Move[] = [
  { format: "vault-kubernetes-kms", from: "v2", to: "v2", count: 1000, kms: vaultKms },
  { format: "trousseau-v1", from: "v1beta1", to: "v1beta1", count: 1000, kms: vaultKms },
  { format: "trousseau-v2", from: "v1beta1", to: "v2", count: 200, kms: vaultKms },
  { format: "aws-encryption-provider", from: "v2", to: "v2", count: 200, kms: awsKms },
  { format: "aws-encryption-provider", from: "v1beta1", to: "v2", count: 200, kms: awsKms },
  {
    format: "aws-encryption-provider",
    release: "unprefixed",
    from: "v1beta1",
    to: "v2",
    count: 200,
    kms: () => awsKms({ unprefixed: true }),
  },
];

/** The provider name in the cluster, which must stay as long as data is stored under it; and a name beside it. */
const theirName = "vaultkms";
const ourName = "trousseau";
const inFlight = 16;

for (const move of moves) {
  const { format, release, from, to, count } = move;
  const plugin = release === undefined ? format : `${format}, ${release}`;
  const title = `${count} Secrets of ${plugin} over ${from}: read, rewritten over ${to}, and read without readForeign`;
  Deno.test(title, async () => {
    await using kms = await move.kms();
    await using node = await Node.make();
    const options = { encryption: encryptionConfiguration(node.socket, from), flags: flagsFor(from) };
    const moved = { ...options, encryption: encryptionConfiguration(node.socket, to, from) };
    const written = new Map<string, string>();
    await using other = await startOther(move, node.socket, kms);
    await using cluster = await Cluster.start(options);
    await writeSecrets(cluster.server, written, count / 2);
    // A second version of the key, and under v2 a second seed.
    await kms.rotate();
    await cluster.stopServer();
    await cluster.startServer(options);
    await writeSecrets(cluster.server, written, count / 2);
    await cluster.stopServer();
    await other.stop();
    const provider = await kms.entry(node);
    const { name } = kms;
    const readForeign = [{
      format,
      providers: format === "trousseau-v2" ? [{ name, as: "vault" }] : [name],
      ...kms.options,
    }];
    const on = { providers: [provider], readForeign, probe: { interval: "5s" } };
    const before = await secretsIn(cluster);
    assert.equal(sealedByUs(before, from, name), 0);
    const kept = before.map((entry) => requestFor(entry, from)).at(-1);
    assert.ok(kept);
    {
      await using plugin = await node.start(on);
      assert.match(await startLog(plugin), new RegExp(`What ${format} wrote is read with "${name}"`));
      await cluster.startServer(moved);
      assert.equal(await countReadable(cluster.server, written), count);
      printFigure(
        `what ${format} wrote, read through a restarted API server over ${from}`,
        await decrypts(plugin, from),
      );
      assert.ok(await foreignReads(plugin, format) >= (from === "v2" ? 2 : count));
      await rewrite(cluster.server, written, to);
      assert.equal(sealedByUs(await secretsIn(cluster), to, name), count);
      assert.equal(await countReadable(cluster.server, written), count);
      assert.equal((await open(plugin, kept)).length, 32);
      await cluster.stopServer();
    }
    await using plugin = await node.start({ providers: [provider], probe: { interval: "5s" } });
    assert.doesNotMatch(await startLog(plugin), /is read with/);
    await cluster.startServer(moved);
    assert.equal(await countReadable(cluster.server, written), count);
    // The plugin without readForeign refuses the old data, so readForeign had decrypted it.
    await assert.rejects(open(plugin, kept), /integrity|not Trousseau's/);
    assert.equal((await plugin.http("/metrics"))?.body.includes("trousseau_foreign_reads_total{"), false);
  });
}

/** Its log until it serves. The log is complete a little later than the socket exists. */
async function startLog({ process }: Plugin): Promise<string> {
  await waitFor("the plugin's log", () => process.output.includes("Serving on "), { timeoutMs: 10_000 });
  return process.output;
}

/** Under one API the old name stays; a second API comes under a name of its own. */
function nameOf(api: KmsApi, apis: readonly KmsApi[]): string {
  return api === apis.at(-1) ? theirName : ourName;
}

/** In front the API that is written by, and behind it the one that is read as well, on one socket. */
function encryptionConfiguration(socket: string, ...apis: KmsApi[]): string {
  const kms = (api: KmsApi) => ({
    kms: { apiVersion: api === "v2" ? "v2" : "v1", name: nameOf(api, apis), endpoint: `unix://${socket}` },
  });
  const providers = [...new Set(apis)].map(kms);
  const resources = [{ resources: ["secrets"], providers: [...providers, { identity: {} }] }];
  return JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources });
}

/** The variables that name real programs. */
const realPrograms: { readonly [F in Format]?: string } = {
  "vault-kubernetes-kms": "TROUSSEAU_PEER_BIN",
  "aws-encryption-provider": "TROUSSEAU_AWS_PEER_BIN",
};

/** The plugin that was there before, on the socket that ours gets after it. */
async function startOther({ format, release }: Move, socket: string, kms: ForeignKms): Promise<Process> {
  const variable = realPrograms[format];
  // Of its old releases there is only the stand-in.
  const real = variable === undefined || release !== undefined ? undefined : Deno.env.get(variable);
  const dialect = [format, release].filter((part) => part !== undefined).join("-");
  const process = real === undefined
    ? new Process({
      name: `stand-in for ${dialect}`,
      command: await serverProgram("foreign-plugin"),
      args: ["-socket", socket, "-dialect", dialect, ...kms.args],
    })
    : new Process({ name: format, command: real, ...kms.real(socket) });
  const there = () => Deno.stat(socket).then(({ isSocket }) => isSocket === true, () => false);
  await waitFor("the other plugin's socket", there, { timeoutMs: 60_000, alive: [process] });
  return process;
}

async function writeSecrets(server: ApiServer, written: Map<string, string>, count: number): Promise<void> {
  const first = written.size;
  const names = Array.from({ length: count }, (_, index) => `moved-${first + index}`);
  await each(names, async (name) => {
    const value = randomBytes(16).toString("hex");
    assert.equal(await writeSecret(server, name, value), 201);
    written.set(name, value);
  });
}

/**
 * Rewrites all objects but one. Under v2 the new key ID makes stored data stale, so that `kubectl replace` with the same
 * content writes it again; under v1beta1 the API server does not write an unchanged object.
 */
async function rewrite(server: ApiServer, written: ReadonlyMap<string, string>, to: KmsApi): Promise<void> {
  await each([...written], async ([name, value]) => {
    const path = `${secrets}/${name}`;
    const { status } = to === "v2"
      ? await server.request("PUT", path, secret(name, value))
      : await server.request("PATCH", path, { metadata: { annotations: { moved: "1" } } });
    assert.equal(status, 200);
  });
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

async function secretsIn(cluster: Cluster): Promise<Entry[]> {
  const found = (await cluster.etcd.entries()).filter(({ key }) => key.startsWith("/registry/secrets/default/"));
  assert.ok(found.length > 0);
  return found;
}

/** The number of entries in the format of Trousseau. */
function sealedByUs(entries: readonly Entry[], api: KmsApi, provider: string): number {
  return entries.filter(({ value }) => {
    const bytes = Buffer.from(value);
    const [, , , version, name, ...rest] = bytes.toString("latin1").split(":");
    assert.ok(name === theirName || name === ourName, `an entry is not sealed: ${version}`);
    const sealed = Buffer.from(rest.join(":"), "latin1");
    // Under v1beta1 two bytes of length, then the frame; under v2 our annotation's name stands in the protobuf.
    if (version !== (api === "v2" ? "v2" : "v1")) return false;
    return api === "v2" ? sealed.includes(`${provider}.wrap.trousseau.io`) : sealed[2] === 0xf1;
  }).length;
}

/** The request that kube-apiserver would send to decrypt this value. */
type OpenRequest = { readonly v2: DecryptRequest } | { readonly cipher: Uint8Array };

function requestFor({ value }: Entry, api: KmsApi): OpenRequest {
  const prefix = `k8s:enc:kms:${api === "v2" ? "v2" : "v1"}:${theirName}:`.length;
  const bytes = value.subarray(prefix);
  if (api === "v1beta1") {
    return { cipher: bytes.slice(2, 2 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(0)) };
  }
  let [ciphertext, keyId] = [new Uint8Array(), ""];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === (2 << 3 | 2)) keyId = reader.string();
    else if (tag === (3 << 3 | 2)) ciphertext = reader.bytes().slice();
    else reader.skipType(tag & 7);
  }
  return { v2: { ciphertext, key_id: keyId, uid: "kept", annotations: {} } };
}

async function open({ client }: Plugin, request: OpenRequest): Promise<Uint8Array> {
  const { signal } = new AbortController();
  if ("v2" in request) return (await client.v2.Decrypt(request.v2, { signal })).plaintext;
  return (await client.v1beta1.Decrypt({ version: "v1beta1", cipher: request.cipher }, { signal })).plain;
}

/** How many there were, and how long kube-apiserver waited for each. */
async function decrypts(plugin: Plugin, api: KmsApi): Promise<string> {
  const page = (await plugin.http("/metrics"))?.body ?? "";
  const labels = `{api="${api}",operation="decrypt",result="ok"}`;
  const [sum, count] = ["sum", "count"].map((what) => {
    const start = `trousseau_rpc_duration_seconds_${what}${labels} `;
    return Number(page.split("\n").find((line) => line.startsWith(start))?.slice(start.length));
  });
  return `${count} decrypts, ${seconds((sum ?? NaN) * 1000)} in all`;
}

async function foreignReads(plugin: Plugin, format: Format): Promise<number> {
  const page = (await plugin.http("/metrics"))?.body ?? "";
  return Number(
    new RegExp(`^trousseau_foreign_reads_total\\{format="${format}"\\} (\\d+)$`, "m").exec(page)?.[1] ?? -1,
  );
}

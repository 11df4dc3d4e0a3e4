/**
 * Finds out whether every API server of a cluster encrypts under a key ID.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { abortError } from "../../base/deadline.ts";
import { KmsError, toKmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import type { ApiServerClient } from "../apiserver/api_server_client.ts";
import { hasKeyId, hasKeyIdAlone, metricHash, readKeyIdMetrics } from "./key_id_metrics.ts";

/** An API server that is counted. */
export interface CountedServer {
  /** The name of its Lease, or its address if it has none. */
  readonly name: string;
  /** The machine, if the Lease names it. */
  readonly host: string | undefined;
  /**
   * `ready`: it encrypts under the key ID; `behind`: its newest Status has another one; `unseen`: none of the addresses
   * reached it.
   */
  readonly state: "ready" | "behind" | "unseen";
}

/** One look at all API servers. */
export interface ServerCensus {
  readonly servers: readonly CountedServer[];
  /** Sentences about addresses that did not answer. */
  readonly failures: readonly string[];
  /** Whether no server that was seen has had another key ID since its start. */
  readonly isSettled: boolean;
}

/** Leases of API servers; they hold no secret. */
const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases" +
  "?labelSelector=apiserver.kubernetes.io%2Fidentity%3Dkube-apiserver&limit=500";

const action = "look at the API servers";

/** Options of {@linkcode takeCensus}. */
export interface CensusOptions {
  /** The server that is asked for the Leases. */
  readonly client: ApiServerClient;
  /** All servers that are asked for their metrics, `client` included. */
  readonly clients: readonly ApiServerClient[];
  readonly keyId: string;
  /** Whether only these servers count, and no Lease. */
  readonly localOnly: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Looks once.
 *
 * @throws {KmsError} as {@linkcode ApiServerClient.read} if the Leases cannot be read.
 */
export async function takeCensus(options: CensusOptions): Promise<ServerCensus> {
  const { client, clients, localOnly, clock, signal } = options;
  const call = { signal, action };
  const looks = await Promise.all(clients.map((one) => look(one, options.keyId, call)));
  const failures = looks.flatMap((one) => typeof one === "string" ? [one] : []);
  const seen = looks.filter((one) => typeof one !== "string");
  const isSettled = seen.every((one) => one.isSettled);
  if (localOnly) {
    return {
      servers: seen.map(({ address, state }) => ({ name: address, host: undefined, state })),
      failures,
      isSettled,
    };
  }
  const counted = await identities(client, call, clock.wall());
  const hashes = counted.map(({ name }) => metricHash(name));
  const servers = counted.map(({ name, host }, at): CountedServer => {
    const [found] = worst(seen.filter(({ identityHash }) => identityHash === hashes[at]));
    return { name, host, state: found?.state ?? "unseen" };
  });
  const others = seen.filter(({ identityHash }) => identityHash !== undefined && !hashes.includes(identityHash));
  const unnamed = toldApart(seen.filter(({ identityHash }) => identityHash === undefined));
  const answered = [...withUnnamed(servers, unnamed), ...others.map(withoutLease)];
  const failed = clients.filter((_, at) => typeof looks[at] === "string").map(({ address }) => address);
  return { servers: withFailed(answered, failed), failures, isSettled };
}

/** Addresses that did not answer: each can be that of a Lease that was not seen, or is counted too. */
function withFailed(servers: readonly CountedServer[], failed: readonly string[]): readonly CountedServer[] {
  const unseen = servers.filter(({ state }) => state === "unseen").length;
  return [...servers, ...failed.slice(unseen).map((name) => ({ name, host: undefined, state: "unseen" as const }))];
}

/** Servers whose metrics do not name them: each takes the place of one that was not seen, or is counted too. */
function withUnnamed(servers: readonly CountedServer[], unnamed: readonly Look[]): readonly CountedServer[] {
  const result = [...servers];
  for (const one of unnamed) {
    const free = result.findIndex(({ state }) => state === "unseen");
    if (free < 0) result.push(withoutLease(one));
    else result[free] = withoutLease(one);
  }
  return result;
}

function withoutLease({ address, state }: Look): CountedServer {
  return { name: address, host: undefined, state };
}

/**
 * One look for each server that is certainly another one. Two addresses can lead to the same server; it has one start
 * time. Without a start time a look can be at any of the others.
 */
function toldApart(unnamed: readonly Look[]): readonly Look[] {
  const byStart = Map.groupBy(unnamed, ({ startedAt }) => startedAt);
  const unknown = byStart.get(undefined) ?? [];
  if (byStart.size === 1) return worst(unnamed);
  byStart.delete(undefined);
  return [...[...byStart.values()].flatMap(worst), ...unknown.filter(({ state }) => state === "behind")];
}

/** One of several looks at a server: one that shows another key ID, if there is any. */
function worst(looks: readonly Look[]): readonly Look[] {
  return [looks.find(({ state }) => state === "behind") ?? looks[0]].filter((one) => one !== undefined);
}

interface Look {
  readonly address: string;
  readonly identityHash: string | undefined;
  readonly startedAt: string | undefined;
  readonly state: "ready" | "behind";
  /** Whether it has had no other key ID since its start. */
  readonly isSettled: boolean;
}

/** The state of the server at one address, or a sentence why it is not known. */
async function look(client: ApiServerClient, keyId: string, call: HttpCall): Promise<Look | string> {
  try {
    const found = await readKeyIdMetrics(client.lines("/metrics", call));
    const state = hasKeyId(found, keyId) ? "ready" : "behind";
    const { identityHash, startedAt } = found;
    return { address: client.address, identityHash, startedAt, state, isSettled: hasKeyIdAlone(found, keyId) };
  } catch (thrown) {
    const error = toKmsError(thrown);
    if (error.code === "cancelled" || error.code === "internal") throw error;
    return error.message;
  }
}

/** The API servers whose Lease has not expired. */
async function identities(
  client: ApiServerClient,
  call: HttpCall,
  now: number,
): Promise<readonly Pick<CountedServer, "name" | "host">[]> {
  // A server, or a proxy before it, closes an idle connection at about the time of the next look.
  const answer = await client.ask({ method: "GET", path: leases, once: true }, call);
  if (answer.status !== 200) throw client.errorOf(answer, leases, action);
  const list = field(answer.body, "items");
  if (!Array.isArray(list)) {
    throw new KmsError("provider_protocol", `Cannot ${action}: the answer is no list of Leases.`);
  }
  return list.flatMap((lease) => {
    const [metadata, spec] = [field(lease, "metadata"), field(lease, "spec")];
    const [name, host] = [field(metadata, "name"), field(field(metadata, "labels"), "kubernetes.io/hostname")];
    if (typeof name !== "string" || isExpired(spec, now)) return [];
    return [{ name, host: typeof host === "string" ? host : undefined }];
  });
}

/** A Lease without a readable time counts: it is better to look for a server that is gone than to miss one. */
function isExpired(spec: unknown, now: number): boolean {
  const [renewed, seconds] = [field(spec, "renewTime"), field(spec, "leaseDurationSeconds")];
  if (typeof renewed !== "string" || typeof seconds !== "number") return false;
  return Date.parse(renewed) + seconds * 1_000 < now;
}

/** How long and how often {@linkcode awaitReady} looks, in milliseconds. */
export interface CensusPatience {
  /** Time for servers that were seen to learn the key ID. kube-apiserver asks for the Status once a minute. */
  readonly waitMs: number;
  /** Time between two looks. A server calls Encrypt within 3 seconds after the Status, and uses the key ID from then on. */
  readonly everyMs: number;
}

/** Whether nothing stands against a census. @param assumed number of servers that are taken as ready unseen. */
export function isComplete({ servers }: Pick<ServerCensus, "servers">, assumed: number): boolean {
  const count = (state: CountedServer["state"]) => servers.filter((one) => one.state === state).length;
  return count("behind") === 0 && count("ready") > 0 && count("unseen") <= assumed;
}

/**
 * Looks until two looks in a row are complete, no longer look can help, or the time has passed. One complete look is
 * enough at servers that have had no other key ID since their start.
 *
 * @param onLook called after each look.
 * @returns the last look.
 */
export async function awaitReady(
  options: CensusOptions,
  assumed: number,
  { waitMs, everyMs }: CensusPatience,
  onLook: (census: ServerCensus) => void = () => {},
): Promise<ServerCensus> {
  const { clock, signal } = options;
  const until = clock.now() + waitMs;
  for (let complete = 0;;) {
    const census = await takeCensus(options);
    onLook(census);
    complete = isComplete(census, assumed) ? complete + 1 : 0;
    if (complete === 1 && census.isSettled) return census;
    const mayChange = census.servers.some(({ state }) => state === "behind");
    if (complete === 2 || (complete === 0 && (!mayChange || clock.now() >= until))) return census;
    await clock.sleep(everyMs, signal);
    if (signal.aborted) throw abortError(signal, action);
  }
}

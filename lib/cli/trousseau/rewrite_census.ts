/**
 * The looks of `trousseau rewrite` at the API servers, before its first change and after its last one.
 *
 * @module
 */
import { toKmsError } from "../../base/errors.ts";
import type { ClusterAccess } from "../../cluster/apiserver/access.ts";
import { ApiServerClient } from "../../cluster/apiserver/api_server_client.ts";
import type { PatientCall } from "../../cluster/rewrite/patient_requests.ts";
import {
  awaitReady,
  type CensusOptions,
  isComplete,
  type ServerCensus,
  takeCensus,
} from "../../cluster/rewrite/server_census.ts";
import { startProgress } from "../progress.ts";
import { censusText, notReady } from "./rewrite_messages.ts";
import { announcedKeyId } from "./rewrite_options.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Milliseconds between two looks at the API servers. */
const lookMs = 4_000;

/** How long a run waits for the API servers, and how many of them need not be seen. */
export interface ReadyLimits {
  readonly assumed: number;
  /** Milliseconds. */
  readonly waitMs: number;
}

/** @throws {KmsError} `unreachable` if an API server is not ready; the sentence names it. */
export async function readyServers(
  { terminal }: TrousseauCall,
  options: CensusOptions,
  { assumed, waitMs }: ReadyLimits,
): Promise<void> {
  using progress = startProgress(terminal, "Looking at the API servers");
  const onLook = (census: ServerCensus) => progress.update(censusText(census));
  const census = await awaitReady(options, assumed, { waitMs, everyMs: lookMs }, onLook);
  if (!isComplete(census, assumed)) throw notReady(census, options);
}

/** The objects are done by then, so that a failure is a part of the report. */
export async function lastLook(options: CensusOptions): Promise<ServerCensus> {
  return await takeCensus(options).catch((thrown) => {
    return { servers: [], failures: [toKmsError(thrown).message], isSettled: false };
  });
}

/** The clients of all API servers that are looked at. */
export interface OpenCensus extends Disposable {
  readonly options: CensusOptions;
}

/**
 * Learns the announced key ID, and prepares the connections to the other API servers.
 *
 * @throws {UsageError | KmsError} as {@linkcode announcedKeyId}.
 */
export async function openCensus(
  call: TrousseauCall,
  { client, clock, signal, action }: PatientCall,
  elsewhere: readonly ClusterAccess[],
): Promise<OpenCensus> {
  const keyId = await announcedKeyId(call);
  const others = await Promise.all(elsewhere.map((access) => ApiServerClient.open(access, action)));
  const localOnly = call.options["local-only"] === true;
  const options = { client, clients: [client, ...others], keyId, localOnly, clock, signal };
  return { options, [Symbol.dispose]: () => others.forEach((one) => one[Symbol.dispose]()) };
}

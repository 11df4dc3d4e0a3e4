/**
 * The KMS plugin as a row of the table of services.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { deadline } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Notify } from "../telemetry/events.ts";
import { kmsServer } from "../api/kms/server.ts";
import { serveOnSocket } from "../net/socket/serve.ts";
import { underPolicy } from "../services/kms/outage.ts";
import type { Service } from "../services/kms/service.ts";
import { kmsPages, pluginReadiness } from "../services/kms/status_page.ts";
import { whereKeyIdMatches } from "../services/kms/takeover.ts";
import { openPlugin } from "./plugin.ts";
import type { Tracing } from "./tracing.ts";
import type { OpenService, OpenServiceOptions } from "./service.ts";

/**
 * Milliseconds: the wait of a takeover for the first data key, and that of any other start, each with its polling
 * interval. A start waits for half an interval on average.
 */
const timings = { takeover: { most: 60_000, poll: 20 }, start: { most: 700, poll: 2 } } as const;

/** The open plugin. */
export interface KmsService extends OpenService {
  /**
   * Waits until an Encrypt would be answered, or until the signal fires.
   *
   * @param action the verb of the error sentence.
   * @param ms the longest wait, in milliseconds.
   * @throws {KmsError} `unreachable` if no data key is ready by then.
   */
  waitUntilReady(action: string, ms: number, signal: AbortSignal): Promise<void>;
}

/** Opens the plugin. @throws {KmsError} `config` */
export async function openKmsService({ config, notify, credentials }: OpenServiceOptions): Promise<KmsService> {
  await using opened = new ResourceStack();
  const tracing = await openedTracing(config, notify);
  if (tracing !== undefined) opened.use(tracing);
  const plugin = opened.use(await openPlugin(config, tracing?.notify ?? notify, credentials, tracing?.provider));
  const { service, handlers } = plugin;
  // Made while the KMS is asked for the first data key.
  const server = kmsServer({ ...handlers, around: tracing?.call });
  const kept = opened.move();
  const waitUntilReady: KmsService["waitUntilReady"] = (action, ms, signal) =>
    requireReadyDek(service, action, ms, signal);
  return {
    pages: kmsPages(
      () => underPolicy(config.outage, service.peek()),
      pluginReadiness(config.outage.afterMs),
      config.hash,
    ),
    served: `on ${config.socket.path}`,
    takeover: whereKeyIdMatches(() => service.peek().keyId),
    // A takeover needs a ready data key: calls that arrive when the socket changes hands would fail otherwise.
    prepare: (takeover, signal) =>
      takeover ? waitUntilReady("take over", timings.takeover.most, signal) : awaitFirstDek(service, signal),
    serve: (options) => serveOnSocket(server, options),
    afterStart: () => plugin.examine(),
    waitUntilReady,
    ...(tracing === undefined ? {} : { flush: (ms: number) => tracing.flush(ms) }),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** Loaded on demand: without traces no module of them is. */
async function openedTracing(
  { telemetry: { traces } }: OpenServiceOptions["config"],
  notify: Notify,
): Promise<Tracing | undefined> {
  return traces === undefined ? undefined : await (await import("./tracing.ts")).openTracing(traces, notify);
}

async function requireReadyDek(service: Service, action: string, ms: number, signal: AbortSignal): Promise<void> {
  await pollUntil(() => service.peek().canEncrypt, { most: ms, poll: timings.takeover.poll }, signal);
  if (service.peek().canEncrypt || signal.aborted) return;
  const { message, quorum } = service.peek();
  const reason = message || (quorum.state === "lost" ? quorum.message : "");
  throw new KmsError("unreachable", `Cannot ${action}: no data key could be wrapped. ${reason}`.trim());
}

/**
 * After a restart the node knows its key ID before a data key is wrapped: Status would be healthy while Encrypt fails.
 * With a reachable KMS the gap is short, so the socket is opened after it, but at most 700 ms later.
 */
async function awaitFirstDek(service: Service, signal: AbortSignal): Promise<void> {
  await pollUntil(() => service.peek().keyId === undefined || service.peek().canEncrypt, timings.start, signal);
}

/** Returns when the condition holds, after `most` milliseconds, or when the signal fires. */
async function pollUntil(
  holds: () => boolean,
  { most, poll }: { readonly most: number; readonly poll: number },
  signal: AbortSignal,
): Promise<void> {
  using bound = deadline(most, signal);
  while (!holds() && !bound.signal.aborted) await systemClock.sleep(poll, bound.signal);
}

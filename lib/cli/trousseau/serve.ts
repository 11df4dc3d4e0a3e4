/**
 * `trousseau serve`: the composition root of the plugin.
 *
 * @module
 */
import { processStartedAt, systemClock } from "../../base/clock.ts";
import type { Config } from "../../config/config.ts";
import { isVolatile } from "../../config/defaults.ts";
import { deadline } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { dialKms } from "../../net/grpc/client.ts";
import { serveKms } from "../../net/socket/serve.ts";
import { claimSocket } from "../../net/socket/socket.ts";
import { fromSameKeyId } from "../../net/socket/takeover.ts";
import { underPolicy } from "../../services/kms/outage.ts";
import { Reloads } from "../../base/reloads.ts";
import type { Service } from "../../services/kms/service.ts";
import { openTelemetry } from "../../telemetry/telemetry.ts";
import { version } from "../../base/version.ts";
import type { Call } from "../command.ts";
import { configuredToServe, configuredWithLevel, subjectOf } from "./configured.ts";
import { countableByPlugin } from "../../app/countable.ts";
import { encryptionConfiguration, encryptionDefaults } from "./encryption_configuration.ts";
import { openMovableEndpoint, pluginReadiness } from "../../app/endpoint.ts";
import type { ExitStatus } from "../exit_codes.ts";
import { runsFromSource, tasksForTheClone } from "./from_source.ts";
import { probeKms } from "./kms_probe.ts";
import { line, type Terminal } from "../terminal.ts";
import { openPlugin } from "../../app/plugin.ts";
import { Reloading } from "../../app/reloading.ts";
import {
  giveUpPermissions,
  keepsStartLines,
  orStopped,
  stoppable,
  untilStopped,
  warnOfRuntimeVariables,
} from "../../app/serving.ts";
import { checkStateOwner } from "../../app/state_owner.ts";
import { wantsColour } from "../table.ts";

/** Milliseconds. A successor may not know its key ID before its KMS has answered. */
const timings = { takeover: 60_000, selfTest: 10_000, settle: 700, look: 20 } as const;

/** Serves until the terminal's signal fires or a successor takes over. */
export function serve(call: Call): Promise<ExitStatus> {
  return stoppable(call.terminal.signal, () => serveKeyRing(call));
}

async function serveKeyRing(call: Call): Promise<ExitStatus> {
  const config = await configuredToServe(call, "serve");
  const { terminal } = call;
  const takeover = call.options.takeover ?? false;
  // Asked now: the environment is given up before anything is said of it.
  const volatile = isVolatile(config, terminal.environment);
  const { log, audit } = config.telemetry;
  const colours = wantsColour(terminal.stderr, terminal.environment);
  await using telemetry = await openTelemetry({
    log: { ...log, colours },
    audit,
    version,
    startedAt: processStartedAt,
    countable: countableByPlugin(config),
    untilStarted: keepsStartLines(config, takeover),
  });
  const { notify } = telemetry;
  notify({ type: "lifecycle", action: "starting", message: `Trousseau ${version} starts. ${subjectOf(config)}.` });
  warnOfRuntimeVariables(terminal.environment, notify);
  const credentials = new Reloads();
  const warning = checkStateOwner(config, takeover);
  if (warning !== undefined) notify({ type: "lifecycle", action: "warning", message: warning });
  using lock = await claimSocket(config.socket.path);
  await using plugin = await orStopped(openPlugin(config, notify, credentials), terminal.signal);
  // Before the socket changes hands there must be something to answer with, or the takeover itself would lose calls.
  if (takeover) await untilReady(plugin.service, "take over", timings.takeover, terminal.signal);
  else await letSettle(plugin.service, terminal.signal);
  await using server = await serveKms(plugin.handlers, {
    ...config.socket,
    lock,
    takeover: takeover ? fromSameKeyId(() => plugin.service.peek().keyId) : undefined,
    notify,
  });
  await using endpoint = await openMovableEndpoint({
    listen: config.telemetry.listen,
    field: "telemetry.listen",
    socket: config.socket.path,
    anyPort: config.file === undefined ? config.state : undefined,
    service: { peek: () => underPolicy(config.outage, plugin.service.peek()) },
    readiness: pluginReadiness(config.outage.afterMs),
    complaint: () => server.complaint(),
    telemetry,
  });
  await giveUpPermissions();
  telemetry.started();
  notify({ type: "lifecycle", action: "serving", message: `Serving on ${config.socket.path}.` });
  plugin.examine();
  if (config.file === undefined) {
    await introduce(config, { volatile, origin: endpoint.origin() }, plugin.service, terminal);
  }
  const reloading = new Reloading({
    running: config,
    load: () => configuredWithLevel(call),
    setLevel: (level) => telemetry.log.setLevel(level),
    listen: (config) => config.telemetry.listen,
    setListen: (listen) => endpoint.move(listen),
    credentials,
    notify,
  });
  const { signal, reloads } = terminal;
  return await untilStopped(server, { signal, drainMs: config.drainMs, notify, reloading, reloads });
}

/** Waits until an Encrypt would be answered; throws with `action` and the reason if that does not come to pass. */
async function untilReady(service: Service, action: string, ms: number, signal: AbortSignal): Promise<void> {
  await lookUntil(() => service.peek().canEncrypt, ms, signal);
  if (service.peek().canEncrypt || signal.aborted) return;
  const { message, quorum } = service.peek();
  const reason = message || (quorum.state === "lost" ? quorum.message : "");
  throw new KmsError("unreachable", `Cannot ${action}: no data key could be wrapped. ${reason}`.trim());
}

/**
 * A node that was restarted knows its key ID before a data key is wrapped: Status would be well and Encrypt fail. With its
 * KMS in reach that takes a moment, which is better spent before the socket is there; without, it serves all the same.
 */
async function letSettle(service: Service, signal: AbortSignal): Promise<void> {
  await lookUntil(() => service.peek().keyId === undefined || service.peek().canEncrypt, timings.settle, signal);
}

/** Returns when it is so, when time is up, or when the signal fires. */
async function lookUntil(isSo: () => boolean, ms: number, signal: AbortSignal): Promise<void> {
  using bound = deadline(ms, signal);
  while (!isSo() && !bound.signal.aborted) await systemClock.sleep(timings.look, bound.signal);
}

/** For somebody who has just started it without a configuration: does it work, and what now? */
async function introduce(
  config: Config,
  { volatile, origin }: { readonly volatile: boolean; readonly origin: string | undefined },
  service: Service,
  { stdout, signal }: Terminal,
): Promise<void> {
  const { path } = config.socket;
  await untilReady(service, "prove that it works", timings.selfTest, signal);
  const failure = await selfTest(path, signal);
  if (signal.aborted) return;
  if (failure !== undefined) throw new KmsError("internal", `The round trip through ${path} failed: ${failure}`);
  line(stdout, `# A round trip through unix://${path} worked, over KMS v2 and v1beta1.`);
  line(
    stdout,
    "# The key lies in a file on this machine. That is no remote KMS: it protects a stolen backup of etcd, and",
  );
  line(stdout, "# nothing from whoever can read this machine's disk. Configure a KMS before you rely on it.");
  if (origin !== undefined) line(stdout, `# Health and metrics: ${origin}/readyz and ${origin}/metrics.`);
  if (runsFromSource) { for (const text of tasksForTheClone(Deno.version.deno)) line(stdout, `# ${text}`); }
  if (volatile) {
    line(stdout, `# Key and state lie in ${config.state}, which the system empties when this user`);
    line(stdout, "# logs out or the machine restarts: what was encrypted until then can never be read again.");
  }
  line(stdout, "#");
  stdout.write(encryptionConfiguration({ ...encryptionDefaults, socketPath: path }));
}

/** One round trip over each API, as kube-apiserver makes them; gives the reason if it fails. */
async function selfTest(path: string, parent: AbortSignal): Promise<string | undefined> {
  using bound = deadline(timings.selfTest, parent);
  await using client = dialKms(path);
  const { steps } = await probeKms(client, bound.signal);
  return steps.find(({ result }) => result !== "ok" && result !== "off")?.detail;
}

/**
 * `trousseau sops`: the composition root of the key service for SOPS.
 *
 * @module
 */
import { processStartedAt, systemClock } from "../../base/clock.ts";
import type { Config } from "../../config/config.ts";
import { isVolatile } from "../../config/defaults.ts";
import { orAborted } from "../../base/deadline.ts";
import { ResourceStack } from "../../base/resource_stack.ts";
import type { Notify } from "../../telemetry/events.ts";
import { sopsServer } from "../../api/sops/server.ts";
import { serveOnSocket } from "../../net/socket/serve.ts";
import { claimSocket } from "../../net/socket/socket.ts";
import { Reloads } from "../../base/reloads.ts";
import { sopsHandlers } from "../../services/sops/handlers.ts";
import { keyUri } from "../../services/sops/key_uri.ts";
import { openSopsService, type SopsService } from "../../services/sops/service.ts";
import { fromWhoOpens } from "../../services/sops/takeover.ts";
import { openTelemetry } from "../../telemetry/telemetry.ts";
import { version } from "../../base/version.ts";
import type { Call } from "../command.ts";
import { configuredToServe, configuredWithLevel, subjectOfSops } from "./configured.ts";
import { countableBySops } from "../../app/countable.ts";
import { openMovableEndpoint } from "../../app/endpoint.ts";
import { sopsPages } from "../../services/sops/status_page.ts";
import type { ExitStatus } from "../exit_codes.ts";
import { openProviders } from "../../app/providers.ts";
import { requireOwnState } from "../../app/decryptors.ts";
import { Reloading } from "../../app/reloading.ts";
import {
  giveUpPermissions,
  keepsStartLines,
  stoppable,
  untilStopped,
  warnOfRuntimeVariables,
} from "../../app/serving.ts";
import { socketEndpoint } from "./socket_path.ts";
import { sopsRules } from "./sops_rules.ts";
import { checkStateOwner } from "../../app/state_owner.ts";
import { wantsColour } from "../table.ts";

/** Serves until the terminal's signal fires or a successor takes over. */
export function sops(call: Call): Promise<ExitStatus> {
  return stoppable(call.terminal.signal, () => serveKeys(call));
}

async function serveKeys(call: Call): Promise<ExitStatus> {
  const config = await configuredToServe(call, "sops");
  const { terminal } = call;
  const takeover = call.options.takeover ?? false;
  const { socket, audit, listen } = config.sops;
  // Asked now: the environment is given up before anything is said of it.
  const volatile = isVolatile(config, terminal.environment) ? config.state : undefined;
  const colours = wantsColour(terminal.stderr, terminal.environment);
  await using telemetry = await openTelemetry({
    log: { ...config.telemetry.log, colours },
    audit,
    version,
    startedAt: processStartedAt,
    countable: countableBySops(config),
    untilStarted: keepsStartLines(config, takeover),
  });
  const { notify } = telemetry;
  notify({
    type: "lifecycle",
    action: "starting",
    message: `Trousseau ${version} starts as a key service for SOPS. ${subjectOfSops(config)}.`,
  });
  warnOfRuntimeVariables(terminal.environment, notify);
  const warning = checkStateOwner({ state: config.state, socket }, takeover);
  if (warning !== undefined) notify({ type: "lifecycle", action: "warning", message: warning });
  await using opened = new ResourceStack();
  const credentials = new Reloads();
  using lock = await claimSocket(socket.path);
  const service = await orAborted(openKeyService(config, opened, notify, credentials), terminal.signal, "start");
  const keys = config.sops.keys.map(({ name }) => name);
  await using server = await serveOnSocket(sopsServer(sopsHandlers({ service, keys, notify })), {
    ...socket,
    lock,
    takeover: takeover ? fromWhoOpens(service, keys) : undefined,
    notify,
  });
  const complaint = () => server.complaint();
  const answers = {
    field: "sops.listen",
    socket: socket.path,
    pages: sopsPages(() => service.peek()),
    complaint,
  } as const;
  await using endpoint = await openMovableEndpoint({ ...answers, listen, telemetry });
  await giveUpPermissions();
  telemetry.started();
  const uris = keys.map(keyUri).join(", ");
  notify({ type: "lifecycle", action: "serving", message: `Serving ${uris} on ${socketEndpoint(socket.path)}.` });
  // A service manager gets audit lines on stdout and nothing else.
  if (terminal.stdout.isTerminal || config.file === undefined) {
    const onThisMachine = config.file === undefined;
    terminal.stdout.write(sopsRules({ socketPath: socket.path, keys, onThisMachine, volatile }));
  }
  const reloading = new Reloading({
    running: config,
    load: () => configuredWithLevel(call),
    setLevel: (level) => telemetry.log.setLevel(level),
    listen: (config) => config.sops.listen,
    setListen: (listen) => endpoint.move(listen),
    credentials,
    notify,
  });
  const { signal, reloads } = terminal;
  return await untilStopped(server, { signal, drainMs: config.drainMs, notify, reloading, reloads });
}

async function openKeyService(
  config: Config,
  opened: ResourceStack,
  notify: Notify,
  credentials: Reloads,
): Promise<SopsService> {
  // A key service keeps no state, but the embedded default would make its key in that of another configuration.
  if (config.file === undefined) await requireOwnState(config);
  const providers = await openProviders(config, opened, notify, credentials);
  return opened.use(openSopsService({
    ...providers,
    wrap: config.wrap,
    keys: config.sops.keys,
    decryptOnly: config.sops.decryptOnly,
    unwrap: config.unwrap,
    cache: config.cache,
    probeIntervalMs: config.probe.intervalMs,
    clock: systemClock,
    notify,
  }));
}

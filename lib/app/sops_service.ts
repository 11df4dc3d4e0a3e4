/**
 * The key service for SOPS as a row of the table of services.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import { socketEndpoint } from "../config/socket_path.ts";
import { sopsServer } from "../api/sops/server.ts";
import { serveOnSocket } from "../net/socket/serve.ts";
import { sopsHandlers } from "../services/sops/handlers.ts";
import { keyUri } from "../services/sops/key_uri.ts";
import { openSopsService } from "../services/sops/service.ts";
import { sopsPages } from "../services/sops/status_page.ts";
import { whereKeysMatch } from "../services/sops/takeover.ts";
import { requireOwnState } from "./decryptors.ts";
import { openProviders } from "./providers.ts";
import type { OpenService, OpenServiceOptions } from "./service.ts";

/** Opens the key service. @throws {KmsError} `config` */
export async function openSopsKeyService({ config, notify, credentials }: OpenServiceOptions): Promise<OpenService> {
  await using opened = new ResourceStack();
  // The service has no state, but the embedded default would create its local key in the folder of another
  // configuration.
  if (config.file === undefined) await requireOwnState(config);
  const { wrap, unwrap, cache, sops, probe } = config;
  const service = opened.use(openSopsService({
    ...await openProviders(config, opened, notify, credentials),
    wrap,
    keys: sops.keys,
    decryptOnly: sops.decryptOnly,
    unwrap,
    cache,
    probeIntervalMs: probe.intervalMs,
    clock: systemClock,
    notify,
  }));
  const keys = sops.keys.map(({ name }) => name);
  const handlers = sopsHandlers({ service, keys, notify });
  const kept = opened.move();
  return {
    pages: sopsPages(() => service.peek()),
    served: `${keys.map(keyUri).join(", ")} on ${socketEndpoint(sops.socket.path)}`,
    takeover: whereKeysMatch(service, keys),
    serve: (options) => serveOnSocket(sopsServer(handlers), options),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/**
 * A key service on its own socket over providers in memory, with a client.
 *
 * @module
 */
import { join } from "node:path";
import { systemClock } from "../../lib/base/clock.ts";
import { dialSops, type SopsClient } from "../../lib/api/sops/client.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { sopsServer } from "../../lib/api/sops/server.ts";
import { serveOnSocket, type SocketServer } from "../../lib/net/socket/serve.ts";
import type { CheckedProvider } from "../../lib/provider/provider.ts";
import { sopsHandlers } from "../../lib/services/sops/handlers.ts";
import { openSopsService, type SopsService } from "../../lib/services/sops/service.ts";

/** A running key service with its client. */
export interface SopsServer extends AsyncDisposable {
  readonly path: string;
  readonly service: SopsService;
  readonly events: Event[];
  readonly server: SocketServer;
  readonly client: SopsClient;
}

const hour = 3_600_000;

/** Starts a key service with the keys `default` and `other`. Disposing of it stops it and removes its folder. */
export async function startSopsServer(providers: readonly CheckedProvider[]): Promise<SopsServer> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "sops.sock");
  const events: Event[] = [];
  const notify = (event: Event) => void events.push(event);
  const keys = ["default", "other"];
  const names = providers.map(({ name }) => name);
  const service = openSopsService({
    providers: providers.map((provider) => ({ provider, formerly: [] })),
    retired: [],
    wrap: "all",
    keys: keys.map((name) => ({ name, providers: names, wrap: "all" })),
    decryptOnly: false,
    unwrap: "fastest",
    cache: { entries: 64, maxAgeMs: hour, graceOnOutageMs: hour, lifetimeMs: hour },
    probeIntervalMs: hour,
    clock: systemClock,
    notify,
  });
  const place = { path, mode: 0o600, owner: undefined, group: undefined };
  const handlers = sopsHandlers({ service, keys, notify });
  const server = await serveOnSocket(sopsServer(handlers), { ...place, notify, watchMs: 20 });
  const client = dialSops(path);
  return {
    path,
    service,
    events,
    server,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server.shutdown(0);
      await service[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

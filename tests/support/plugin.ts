/**
 * A plugin on its own socket over a service in memory, with a client.
 *
 * @module
 */
import { join } from "node:path";
import { dialKms, type KmsClient } from "../../lib/api/kms/client.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { kmsServer } from "../../lib/api/kms/server.ts";
import { serveOnSocket, type SocketServer } from "../../lib/net/socket/serve.ts";
import { type HandlerOptions, kmsHandlers } from "../../lib/services/kms/handlers.ts";
import { FakeService } from "./fake_service.ts";

/** A signal that never fires. */
export const never: AbortSignal = new AbortController().signal;

/** A running plugin with its service and client. */
export interface Plugin extends AsyncDisposable {
  readonly path: string;
  readonly service: FakeService;
  readonly events: Event[];
  readonly server: SocketServer;
  readonly client: KmsClient;
}

/** Starts a plugin. Disposing of it stops it and removes its folder. */
export async function startPlugin(options: Partial<HandlerOptions> = {}): Promise<Plugin> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "kms.sock");
  const service = new FakeService();
  const events: Event[] = [];
  const notify = (event: Event) => void events.push(event);
  const handlers = kmsHandlers({
    service,
    notify,
    kms: { v1beta1: true, reportVersion: "v2" },
    outage: { policy: "keepWriting", afterMs: 600_000 },
    version: "1.2.3",
    ...options,
  });
  const place = { path, mode: 0o600, owner: undefined, group: undefined };
  const server = await serveOnSocket(kmsServer(handlers), { ...place, notify, watchMs: 20 });
  const client = dialKms(path);
  return {
    path,
    service,
    events,
    server,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server.shutdown(0);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

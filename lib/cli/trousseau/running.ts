/**
 * Requests the status of the plugin that serves a configuration on this machine, over HTTP.
 *
 * @module
 */
import type { Config, ListenConfig } from "../../config/config.ts";
import { parseListen } from "../../config/addresses.ts";
import { KmsError } from "../../base/errors.ts";
import { originOf } from "../../telemetry/origin.ts";
import { fetchStatus, type StatusDocument } from "./status_document.ts";
import { telemetryAddressFile } from "../../app/telemetry_address.ts";

/** The status, or the reason why there is none over HTTP, as the end of a sentence. */
export type Running = { readonly found: StatusDocument } | { readonly absent: string };

/**
 * Requests the status at the address of the configuration, or without one at the address that the state folder
 * contains.
 */
export async function askPlugin(config: Config, signal: AbortSignal): Promise<Running> {
  const listen = await addressOf(config);
  if (listen instanceof KmsError) return { absent: listen.message.replace(/\.$/, "") };
  if (listen === undefined) return { absent: "telemetry.listen is off" };
  const origin = originOf(listen);
  const found = await fetchStatus(origin, signal);
  if (found === undefined) return { absent: `No Trousseau answers at ${origin}` };
  if (!serves(found, config.socket.path)) {
    return { absent: `The Trousseau at ${origin} serves another socket, ${found.socket}` };
  }
  return { found };
}

/** Whether the status comes from a process that serves that socket. Versions up to 0.1.0 do not report their socket. */
export function serves({ socket }: StatusDocument, path: string): boolean {
  return typeof socket !== "string" || socket === path;
}

async function addressOf({ file, state, telemetry: { listen } }: Config): Promise<ListenConfig | KmsError | undefined> {
  if (file !== undefined || listen === undefined) return listen;
  try {
    const kept = await telemetryAddressFile(state).read();
    return kept === undefined ? listen : parseListen(kept.listen);
  } catch (thrown) {
    if (thrown instanceof KmsError) return thrown;
    throw thrown;
  }
}

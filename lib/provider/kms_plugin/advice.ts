/**
 * What an operator should know about a provider that is another plugin.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import type { KmsPluginSettings } from "./settings.ts";

/** See {@linkcode ProviderAdvice}. */
export function kmsPluginAdvice({ socket }: KmsPluginSettings): ProviderAdvice {
  return {
    warnings: writableByAll(socket)
      ? [
        `Everybody on this machine may connect to ${socket}: whoever does has data keys opened. Have the plugin make its ` +
        "socket with mode 0600 or 0660.",
      ]
      : [],
    rotation: {
      by: "command",
      command: `trousseau probe --socket unix://${socket}  # after rotating as its vendor says`,
    },
    toBeMade: () => Promise.resolve(undefined),
  };
}

function writableByAll(socket: string): boolean {
  try {
    return ((Deno.statSync(socket).mode ?? 0) & 0o002) !== 0;
  } catch {
    // It is not there, or may not be looked at: the probe says so.
    return false;
  }
}

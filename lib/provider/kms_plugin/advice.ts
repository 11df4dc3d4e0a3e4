/**
 * Advice about a provider that is another plugin.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import { writableByAll } from "../writable_by_all.ts";
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
    pendingCreation: () => Promise.resolve(undefined),
  };
}

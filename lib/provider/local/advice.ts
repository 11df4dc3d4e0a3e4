/**
 * Advice about a local key.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import type { LocalSettings } from "./settings.ts";

/** See {@linkcode ProviderAdvice}. */
export function localAdvice(settings: LocalSettings): ProviderAdvice {
  return {
    warnings: [
      `Its key lies in ${settings.keyFile}: whoever copies this node's disk has it, and who loses it loses the data.`,
    ],
    rotation: {
      by: "trousseau",
      async rotate(stateFolder) {
        const [{ rotateLocalKey }, { KeyLedger }] = await Promise.all([
          import("./rotate.ts"),
          import("./key_ledger.ts"),
        ]);
        const ledger = await KeyLedger.open(settings, { stateFolder, notify: () => {}, readOnlyState: true });
        return { version: (await rotateLocalKey(settings.keyFile, (keys) => ledger.mismatch(keys))).id };
      },
    },
    async pendingCreation() {
      if (!settings.create) return undefined;
      return await isMissing(settings.keyFile)
        ? `The key file ${settings.keyFile} is not there yet; the first start makes it.`
        : undefined;
    },
  };
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return false;
  } catch (thrown) {
    return thrown instanceof Deno.errors.NotFound;
  }
}

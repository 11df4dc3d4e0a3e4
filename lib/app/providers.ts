/**
 * Opens the providers of a configuration.
 *
 * @module
 */
import type { Config, ProviderConfig } from "../config/config.ts";
import type { ResourceStack } from "../base/resource_stack.ts";
import type { Notify } from "../telemetry/events.ts";
import { decorate } from "../provider/decorated.ts";
import type { CheckedProvider } from "../provider/provider.ts";
import type { Reloads } from "../base/reloads.ts";
import { openProvider } from "../provider/registry.ts";
import { Waits } from "../base/waits.ts";
import type { NamedProvider } from "../kek/kek_group.ts";
import { irreplaceable, nodeMemory } from "./sealed_before.ts";

/**
 * Opens all providers with their decorators. It does not wait for a KMS.
 *
 * @param opened receives the providers and closes them.
 * @param around wraps each provider, for its spans.
 * @throws {KmsError} `config` if a file in the configuration is missing or cannot be used.
 */
export async function openProviders(
  config: Pick<Config, "file" | "providers" | "retired" | "forgotten" | "state">,
  opened: ResourceStack,
  notify: Notify,
  reloads?: Reloads,
  around: (provider: CheckedProvider) => CheckedProvider = (provider) => provider,
): Promise<{ readonly providers: readonly NamedProvider[]; readonly retired: readonly NamedProvider[] }> {
  const knownVersions = irreplaceable(config, await nodeMemory(config));
  const open = async (list: readonly ProviderConfig[]) => {
    const found: NamedProvider[] = [];
    for (const configured of list) {
      const { settings, formerly } = configured;
      const context = {
        notify,
        stateFolder: config.state,
        knownVersions: knownVersions(configured),
        waits: new Waits(),
        ...(reloads === undefined ? {} : { reloads }),
      };
      const provider = around(decorate(await openProvider(settings, context), context));
      opened.use(provider);
      found.push({ provider, formerly });
    }
    return found;
  };
  return { providers: await open(config.providers), retired: await open(config.retired) };
}

/**
 * Turns a config that matches the schema into the one that the program uses: resolves references, and makes the checks
 * that span several fields.
 *
 * @module
 */
import { formatSizes } from "../envelope/format.ts";
import { largestAnnotation } from "../envelope/wrap.ts";
import { isHolderKind, maxWrapOf, type ProviderSettings } from "../provider/registry.ts";
import type { Config, ProviderConfig } from "./config.ts";
import { defaults, defaultWrap, stateFolderOf } from "./defaults.ts";
import type { Environment } from "./environment.ts";
import type { Files } from "./files.ts";
import { keyringConfig } from "./keyring.ts";
import type { ConfigValidator, PlacedSettings } from "./providers/common.ts";
import type { FieldPath } from "../base/yaml_positions.ts";
import { pathText } from "./problems.ts";
import { foreignSources } from "./read_foreign.ts";
import { checkTogether, foreignSupport, providerSettings, type RawProvider, retiredSettings } from "./schema.ts";
import { providerLists } from "./provider_lists.ts";
import type { ProviderList } from "./provider_lists.ts";
import type { Shaped } from "./shape.ts";
import { socketOf, wrapComplaintOf } from "./socket_fields.ts";
import { sopsConfig } from "./sops.ts";
import { tracesConfig } from "./traces.ts";

/**
 * Reports problems to `validator`; the result must be used only if there are none.
 *
 * @param maxWrap maximum size of a wrapped data key for a kind of provider, in bytes.
 */
export async function resolveConfig(
  file: string,
  shaped: Shaped,
  environment: Environment,
  files: Files,
  validator: ConfigValidator,
  maxWrap: (kind: string) => number = maxWrapOf,
): Promise<Config> {
  const { config } = shaped;
  checkNames(shaped, validator);
  checkWrapBudget(
    shaped.providers.sound.map(({ index, raw: { name, kind } }) => ({ index, name, maxWrap: maxWrap(kind) })),
    validator,
  );
  checkCache(config.cache, validator.within("cache"));
  const ours = await socketOf(config.socket, files, validator.within("socket"));
  const lists = {
    providers: await configsOf(shaped.providers, providerSettings, validator.within("providers")),
    retired: await configsOf(shaped.retired, retiredSettings, validator.within("retired")),
  };
  await checkTogether(placed(shaped, lists), { socket: ours.path, files, validator });
  return {
    file,
    socket: ours,
    state: await validator.writable(["state"], config.state ?? stateFolderOf(environment) ?? defaults.state),
    kms: config.kms,
    keyEpoch: config.keyEpoch,
    wrap: wrap(shaped, validator),
    unwrap: config.unwrap,
    cache: {
      entries: config.cache.entries,
      maxAgeMs: config.cache.maxAge,
      graceOnOutageMs: config.cache.graceOnOutage,
      lifetimeMs: config.cache.lifetime,
    },
    readyDek: { maxAgeMs: config.readyDek.maxAge },
    outage: { policy: config.outage.policy, afterMs: config.outage.after },
    probe: { intervalMs: config.probe.interval },
    drainMs: config.drain,
    telemetry: await telemetry(config.telemetry, validator.within("telemetry")),
    ...lists,
    forgotten: config.forgotten,
    sops: await sopsConfig(shaped, environment, files, validator.within("sops")),
    keyring: await keyringConfig(config.keyring, environment, files, validator.within("keyring")),
    readForeign: foreignSources(config.readForeign, shaped, foreignSupport, validator.within("readForeign")),
  };
}

type Written = Shaped["config"];

function placed(
  shaped: Shaped,
  lists: Pick<Config, "providers" | "retired">,
): readonly PlacedSettings<ProviderSettings>[] {
  return providerLists.flatMap((list) =>
    lists[list].map(({ settings }, at) => ({ list, index: shaped[list].sound[at]?.index ?? at, settings }))
  );
}

async function telemetry(written: Written["telemetry"], validator: ConfigValidator): Promise<Config["telemetry"]> {
  const { traces, ...kept } = written;
  return {
    ...kept,
    audit: await audit(written.audit, validator),
    ...(traces === undefined ? {} : { traces: await tracesConfig(traces, validator.within("traces")) }),
  };
}

async function audit(written: string, validator: ConfigValidator): Promise<string | undefined> {
  if (written === "off") return undefined;
  return written === "stdout" ? written : await validator.writable(["audit"], written);
}

function wrap({ config, providers: { names, sound } }: Shaped, validator: ConfigValidator): Config["wrap"] {
  // A recovery provider counts in no quorum. Entries with mistakes count, so that they cause no second complaint.
  const providerCount = names.length - sound.filter(({ raw: { kind } }) => !isHolderKind(kind)).length;
  if (names.length > 0 && providerCount === 0) {
    validator.complain(["providers"], "must have one that can unwrap; a recovery key is for the safe alone");
  }
  const wanted = config.wrap ?? defaultWrap(providerCount);
  const complaint = wrapComplaintOf(wanted, providerCount);
  if (complaint !== undefined) validator.complain(["wrap"], complaint);
  return wanted;
}

function checkCache(cache: Written["cache"], validator: ConfigValidator): void {
  if (cache.maxAge > cache.lifetime) validator.complain(["maxAge"], "is longer than lifetime");
}

/**
 * Reports duplicate names. A name must always mean the same key, because wrapped data keys in etcd are stored under it.
 */
function checkNames(shaped: Shaped, validator: ConfigValidator): void {
  const seen = new Map<string, string>();
  const take = (name: string | undefined, ...path: FieldPath) => {
    if (name === undefined) return;
    const first = seen.get(name);
    if (first !== undefined) validator.complain(path, `duplicate name; ${first} is the same`);
    else seen.set(name, pathText(path));
  };
  const each = providerLists.flatMap((list) => shaped[list].names.map((names, index) => ({ list, index, ...names })));
  for (const { list, index, name } of each) take(name, list, index, "name");
  for (const { list, index, formerly } of each) {
    formerly.forEach((name, at) => take(name, list, index, "formerly", at));
  }
  shaped.config.forgotten.forEach((name, index) => take(name, "forgotten", index));
}

/** A provider, and the maximum size of a data key that it wraps, in bytes. */
export interface WrapBudget {
  /** Index in `providers`. */
  readonly index: number;
  readonly name: string;
  /** Bytes. */
  readonly maxWrap: number;
}

/**
 * Checks that all wrapped forms of a data key fit into the annotations that kube-apiserver accepts, in the worst case.
 * Otherwise Encrypt would fail on the day on which a key is rotated to a longer one. A v1beta1 frame has more space and
 * needs less for each wrapped key, so that it needs no check.
 */
export function checkWrapBudget(rooms: readonly WrapBudget[], validator: Pick<ConfigValidator, "complain">): void {
  const all = rooms.reduce((sum, { name, maxWrap }) => sum + largestAnnotation(name, maxWrap), 0);
  if (all <= formatSizes.annotations) return;
  const largest = Math.max(...rooms.map(({ maxWrap }) => maxWrap));
  const large = rooms.filter(({ maxWrap }) => maxWrap === largest).map(({ index }) => `providers[${index}]`);
  validator.complain(
    ["providers"],
    `could need ${all} bytes for the wraps of one data key, and kube-apiserver takes ${formatSizes.annotations}; ` +
      `take one of the largest out (${large.join(", ")}: up to ${largest} bytes each), or put one that need only be ` +
      "read under retired",
  );
}

async function configsOf(
  { sound }: ProviderList<RawProvider>,
  settingsOf: (raw: RawProvider, validator: ConfigValidator) => Promise<ProviderSettings>,
  validator: ConfigValidator,
): Promise<readonly ProviderConfig[]> {
  const found: ProviderConfig[] = [];
  // Sequential, so that the remarks of `check` are in the order of the file.
  for (const { index, raw } of sound) {
    const settings = await settingsOf(raw, validator.within(index));
    found.push({ name: raw.name, formerly: raw.formerly, settings });
  }
  return found;
}

/**
 * The consequences of losing one provider now: for writes, for reads, and for the objects in etcd.
 *
 * @module
 */
import { formatDuration } from "../../../base/duration.ts";
import type { UsageRow } from "../../../cluster/encryption_usage.ts";
import type { Config, ProviderConfig } from "../../../config/config.ts";
import { quorumSize } from "../../../envelope/quorum.ts";
import { isHolderKind } from "../../../provider/registry.ts";
import type { StatusDocument } from "../status_document.ts";
import { type DoctorFinding, found } from "./finding.ts";

/** The counted objects of an etcd. */
export interface CountedObjects {
  /** The file or the etcd. */
  readonly source: string;
  readonly rows: readonly UsageRow[];
}

/** The inputs. */
export interface NightSubject {
  readonly config: Config;
  /** Names of the providers that have unwrapped in this run. */
  readonly well: ReadonlySet<string>;
  /** The running plugin; `undefined` if it tells none. */
  readonly status: StatusDocument | undefined;
  readonly objects: CountedObjects | undefined;
}

/** The findings for each provider that can unwrap. */
export function nightFindings(subject: NightSubject): readonly DoctorFinding[] {
  const { config, objects, status } = subject;
  const holders = config.providers.filter(({ settings }) => isHolderKind(settings.kind));
  return [
    ...holders.map((provider) => ifGone(provider, holders, subject)),
    ...(objects === undefined ? [] : [...holders, ...config.retired].map((one) => ifLost(one, objects))),
    ...(status?.providers ?? []).flatMap(({ name, lacksWrapSince }) =>
      typeof lacksWrapSince === "string" ? [found("night-wrap-lacks", { name, since: lacksWrapSince })] : []
    ),
  ];
}

function ifGone(
  { name }: ProviderConfig,
  holders: readonly ProviderConfig[],
  { config, well, status }: NightSubject,
): DoctorFinding {
  const others = holders.filter((one) => one.name !== name && well.has(one.name)).map((one) => one.name);
  const needed = quorumSize(config.wrap, holders.length);
  const reads = readsText(others, config, status);
  if (others.length >= needed && others.length > 0) {
    return found("night-survived", { name, others: others.join(", "), reads });
  }
  return found("night-writes-end", { name, writes: writesText(config, needed, others.length), reads });
}

function readsText(others: readonly string[], { cache }: Config, status: StatusDocument | undefined): string {
  if (others.length > 0) return `reads go on by ${others.join(", ")}`;
  const held = status?.canEncrypt === true ? "data keys in memory" : "data keys that are in memory by then";
  const grace = formatDuration(Math.min(cache.graceOnOutageMs, cache.lifetimeMs));
  return `reads go on by ${held} for ${grace} or until a restart, and fail then`;
}

function writesText({ outage: { policy, afterMs } }: Config, needed: number, others: number): string {
  const after = formatDuration(afterMs);
  const lacking = `${others} of ${needed} needed providers would wrap`;
  return {
    keepWriting: `${lacking}, and writes go on with the last data key`,
    failReady: `${lacking}, and the plugin reports itself as unwell after ${after}`,
    failClosed: `${lacking}, and writes fail after ${after}`,
  }[policy];
}

/** The objects that only this provider could open. Rows without wraps are not of this plugin. */
function ifLost({ name, formerly }: ProviderConfig, { source, rows }: CountedObjects): DoctorFinding {
  const names = [name, ...formerly];
  const sealed = rows.filter(({ wraps }) => wraps.length > 0);
  const alone = sealed.filter(({ wraps }) => wraps.every((wrap) => names.includes(wrap.name)));
  const count = (list: readonly UsageRow[]) => `${list.reduce((sum, { objects }) => sum + objects, 0)}`;
  const lost = count(alone);
  return lost === "0"
    ? found("night-data-kept", { name, source, objects: count(sealed) })
    : found("night-data-lost", { name, source, objects: lost });
}

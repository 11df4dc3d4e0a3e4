/**
 * The consequences of losing one provider now: for writes, for reads, and for the objects in etcd.
 *
 * @module
 */
import { formatDuration } from "../../../base/duration.ts";
import type { Config, ProviderConfig } from "../../../config/config.ts";
import { quorumSize } from "../../../envelope/quorum.ts";
import { isHolderKind } from "../../../provider/registry.ts";
import type { StatusDocument } from "../status_document.ts";
import { type CountedObjects, type OpenableObjects, openableObjects, sumOfObjects } from "./counted_objects.ts";
import { type DoctorFinding, found } from "./finding.ts";

/** The inputs. */
export interface NightSubject {
  readonly config: Config;
  /** Names of the providers that have unwrapped in this run, and of retired ones that have answered. */
  readonly well: ReadonlySet<string>;
  /** The running plugin; `undefined` if it tells none. */
  readonly status: StatusDocument | undefined;
  readonly objects: CountedObjects | undefined;
}

/** The objects that this plugin reads. */
interface ReadObjects {
  readonly source: string;
  readonly rows: readonly OpenableObjects[];
}

/** The findings for each provider that can unwrap. */
export function nightFindings(subject: NightSubject): readonly DoctorFinding[] {
  const { config, objects: counted, status } = subject;
  const holders = config.providers.filter(({ settings }) => isHolderKind(settings.kind));
  const objects = counted === undefined
    ? undefined
    : { source: counted.source, rows: openableObjects(counted.rows, config) };
  return [
    ...holders.map((provider) => ifGone(provider, holders, subject, objects)),
    ...(objects === undefined ? [] : [...holders, ...config.retired].map((one) => ifLost(one, objects))),
    ...(objects === undefined ? [] : closed(objects)),
    ...(status?.providers ?? []).flatMap(({ name, lacksWrapSince }) =>
      typeof lacksWrapSince === "string" ? [found("night-wrap-lacks", { name, since: lacksWrapSince })] : []
    ),
  ];
}

function ifGone(
  { name }: ProviderConfig,
  holders: readonly ProviderConfig[],
  subject: NightSubject,
  objects: ReadObjects | undefined,
): DoctorFinding {
  const { config, well } = subject;
  const others = holders.filter((one) => one.name !== name && well.has(one.name)).map((one) => one.name);
  const readers = [...config.providers, ...config.retired].map((one) => one.name)
    .filter((one) => one !== name && well.has(one));
  const needed = quorumSize(config.wrap, holders.length);
  const { reads, isWhole } = readsWithout(readers, objects, subject);
  if (others.length < needed || others.length === 0) {
    return found("night-writes-end", { name, writes: writesText(config, needed, others.length), reads });
  }
  return found(isWhole ? "night-survived" : "night-reads-end", { name, others: others.join(", "), reads });
}

/** `isWhole`: no object is known that the readers do not open. Without counted objects only the wraps say it. */
function readsWithout(
  readers: readonly string[],
  objects: ReadObjects | undefined,
  { config: { cache }, status }: NightSubject,
): { readonly reads: string; readonly isWhole: boolean } {
  const held = status?.canEncrypt === true ? "data keys in memory" : "data keys that are in memory by then";
  const grace = formatDuration(Math.min(cache.graceOnOutageMs, cache.lifetimeMs));
  const fromMemory = `${held} for ${grace} or until a restart, and not after that`;
  const { source = "", rows = [] } = objects ?? {};
  const opened = rows.filter(({ openers }) => openers.length > 0);
  const all = sumOfObjects(opened);
  if (all === 0) {
    if (readers.length === 0) return { reads: `reads go on by ${fromMemory}`, isWhole: false };
    return { reads: `data that ${readers.join(" or ")} has wrapped is still read`, isWhole: true };
  }
  const unread = sumOfObjects(opened.filter(({ openers }) => !openers.some((one) => readers.includes(one))));
  if (unread === 0) return { reads: `all ${all} objects in ${source} are still read`, isWhole: true };
  return { reads: `${unread} of ${all} objects in ${source} are read by ${fromMemory}`, isWhole: false };
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

/** The objects that only this provider could open. */
function ifLost({ name }: ProviderConfig, { source, rows }: ReadObjects): DoctorFinding {
  const opened = rows.filter(({ openers }) => openers.length > 0);
  const lost = sumOfObjects(opened.filter(({ openers }) => openers.every((one) => one === name)));
  return lost === 0
    ? found("night-data-kept", { name, source, objects: `${sumOfObjects(opened)}` })
    : found("night-data-lost", { name, source, objects: `${lost}` });
}

/** The objects that no provider of the configuration opens. */
function closed({ source, rows }: ReadObjects): readonly DoctorFinding[] {
  const unopened = rows.filter(({ openers }) => openers.length === 0);
  const objects = sumOfObjects(unopened);
  if (objects === 0) return [];
  const names = [...new Set(unopened.flatMap(({ written }) => written))].map((name) => `"${name}"`).join(", ");
  return [found("night-data-closed", { objects: `${objects}`, source, names })];
}

/**
 * Tries all criteria on a plugin, one after the other.
 *
 * @module
 */
import { abortError, type Deadline, deadline, sleep } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import { isUnconnected } from "../net/grpc/status.ts";
import { criteria, type CriterionRow, type PluginCriterion } from "./criteria.ts";
import { served, Subject, type SubjectApi } from "./subject.ts";
import { told, Unmet, Untried } from "./verdict.ts";

/** What came of one criterion. */
export interface Finding {
  readonly criterion: PluginCriterion;
  readonly api: SubjectApi;
  readonly weight: CriterionRow["weight"];
  readonly result: "holds" | "fails" | "untried";
  /** What was seen, or why not. It may hold words of the plugin's. */
  readonly detail: string;
}

type Outcome = Pick<Finding, "result" | "detail">;

/** How long it may take. Milliseconds. */
export interface TryTimes {
  /** For one criterion. */
  readonly each: number;
  /** For all of them. */
  readonly all: number;
}

/** A plugin that is slow and not dead is through with it in time. */
const tryTimes: TryTimes = { each: 30_000, all: 180_000 };

/**
 * Tries them.
 *
 * @param path of the plugin's socket.
 * @param onStart is told what is tried next.
 * @throws {KmsError} `unreachable` if nobody is there, `provider_protocol` if it serves neither API, `cancelled` if
 *   `signal` fired, `config` as `dialKms`.
 */
export async function tryPlugin(
  path: string,
  signal: AbortSignal,
  onStart: (criterion: PluginCriterion) => void = () => {},
  times: TryTimes = tryTimes,
): Promise<readonly Finding[]> {
  using all = deadline(times.all, signal);
  await using subject = new Subject(path, all.signal);
  const serves = await whatIsServed(subject);
  const findings: Finding[] = [];
  let [doubtful, wasGone] = [false, false];
  for (const [name, row] of Object.entries(criteria) as [PluginCriterion, CriterionRow][]) {
    if (signal.aborted) throw abortError(signal, `try ${path}`);
    onStart(name);
    const { api, weight } = row;
    const about = { criterion: name, api, weight };
    if (doubtful && !row.looksBack) wasGone = await isGone(subject, wasGone, all);
    const isThere = row.looksBack || !wasGone;
    const found = isThere ? await outcome(row, subject, serves, all, times.each) : noLongerThere;
    doubtful = wasGone || found.result === "fails" || subject.wasLost;
    findings.push({ ...about, ...found });
  }
  if (signal.aborted) throw abortError(signal, `try ${path}`);
  return findings;
}

async function whatIsServed(subject: Subject): Promise<Readonly<Record<SubjectApi, boolean>>> {
  const failure = await subject.status().then(() => undefined, (thrown: unknown) => thrown);
  if (isUnconnected(failure)) throw failure;
  const serves = await served(subject);
  if (serves.v2 || serves.v1beta1) return serves;
  throw new KmsError("provider_protocol", `Cannot try ${subject.path}: it serves neither KMS v2 nor v1beta1.`);
}

const noLongerThere = { result: "untried", detail: "nobody is there any more" } as const;

/**
 * Milliseconds that a supervisor has to start the plugin again, then for each later criterion, and between two looks. A
 * client that was refused connects again after 100 ms at the earliest, so that one look alone would not find the plugin.
 */
const restart = { within: 2000, later: 400, look: 100 } as const;

/** Whether the socket refuses connections for as long as a supervisor has to start the plugin again. */
async function isGone(subject: Subject, wasGone: boolean, { signal }: Deadline): Promise<boolean> {
  using patience = deadline(wasGone ? restart.later : restart.within, signal);
  subject.signal = signal;
  for (;;) {
    if (!await subject.status().then(() => false, isUnconnected)) return false;
    if (patience.signal.aborted) return true;
    await sleep(restart.look, patience.signal);
  }
}

/** Calls that were cut off look like refusals, so that nothing is said of them. */
const notThrough = { result: "untried", detail: "it was not through in its time" } as const;

async function outcome(
  { api, attempt }: CriterionRow,
  subject: Subject,
  serves: Readonly<Record<SubjectApi, boolean>>,
  all: Deadline,
  each: number,
): Promise<Outcome> {
  if (!serves[api]) return { result: "untried", detail: `it does not serve KMS ${api}` };
  if (all.signal.aborted) return { result: "untried", detail: "the time was up" };
  using time = deadline(each, all.signal);
  subject.signal = time.signal;
  try {
    const detail = await attempt(subject);
    return time.signal.aborted ? notThrough : { result: "holds", detail };
  } catch (thrown) {
    if (thrown instanceof Untried) return { result: "untried", detail: thrown.message };
    if (time.signal.aborted) return notThrough;
    return { result: "fails", detail: thrown instanceof Unmet ? thrown.message : told(thrown) };
  }
}

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
import { failureText, Unmet, Untried } from "./verdict.ts";

/** The result of one criterion. */
export interface Finding {
  readonly criterion: PluginCriterion;
  readonly api: SubjectApi;
  readonly weight: CriterionRow["weight"];
  /** `untried` if the API is not served, the time was up, the plugin was gone, or the criterion needs an operator. */
  readonly result: "holds" | "fails" | "untried";
  /** The observation, or the reason why there is none. It can contain text of the plugin. */
  readonly detail: string;
}

type Outcome = Pick<Finding, "result" | "detail">;

/** Time limits in milliseconds. */
export interface TryTimes {
  /** Limit for one criterion. */
  readonly each: number;
  /** Limit for all criteria together. */
  readonly all: number;
}

/** Sufficient for a slow plugin that still answers. */
const tryTimes: TryTimes = { each: 30_000, all: 180_000 };

/**
 * Tries all criteria.
 *
 * @param path path of the plugin's socket.
 * @param onStart called before each criterion.
 * @throws {KmsError} `unreachable` if no connection is possible, `provider_protocol` if the plugin serves neither API,
 *   `cancelled` if `signal` was aborted, `config` as `dialKms`.
 */
export async function tryPlugin(
  path: string,
  signal: AbortSignal,
  onStart: (criterion: PluginCriterion) => void = () => {},
  times: TryTimes = tryTimes,
): Promise<readonly Finding[]> {
  using all = deadline(times.all, signal);
  await using subject = new Subject(path, all.signal);
  const serves = await servedApis(subject);
  const findings: Finding[] = [];
  let [mayBeGone, wasGone] = [false, false];
  for (const [name, row] of Object.entries(criteria) as [PluginCriterion, CriterionRow][]) {
    if (signal.aborted) throw abortError(signal, `try ${path}`);
    onStart(name);
    const { api, weight } = row;
    const about = { criterion: name, api, weight };
    if (mayBeGone && !row.looksBack) wasGone = await isGone(subject, wasGone, all);
    const isThere = row.looksBack || !wasGone;
    const found = isThere ? await outcome(row, subject, serves, all, times.each) : disconnected;
    mayBeGone = wasGone || found.result === "fails" || subject.wasLost;
    findings.push({ ...about, ...found });
  }
  if (signal.aborted) throw abortError(signal, `try ${path}`);
  return findings;
}

async function servedApis(subject: Subject): Promise<Readonly<Record<SubjectApi, boolean>>> {
  const failure = await subject.status().then(() => undefined, (thrown: unknown) => thrown);
  if (isUnconnected(failure)) throw failure;
  const serves = await served(subject);
  if (serves.v2 || serves.v1beta1) return serves;
  throw new KmsError("provider_protocol", `Cannot try ${subject.path}: it serves neither KMS v2 nor v1beta1.`);
}

const disconnected = { result: "untried", detail: "nobody is there any more" } as const;

/**
 * Milliseconds in which a supervisor must restart the plugin: at first, then at each later criterion; and the interval
 * of checks. A client reconnects 100 ms after a refused connection at the earliest, so that one check would not find
 * the plugin.
 */
const restart = { within: 2000, later: 400, look: 100 } as const;

/** Whether the socket refuses connections for longer than a supervisor needs to restart the plugin. */
async function isGone(subject: Subject, wasGone: boolean, { signal }: Deadline): Promise<boolean> {
  using patience = deadline(wasGone ? restart.later : restart.within, signal);
  subject.signal = signal;
  for (;;) {
    if (!await subject.status().then(() => false, isUnconnected)) return false;
    if (patience.signal.aborted) return true;
    await sleep(restart.look, patience.signal);
  }
}

/** Aborted calls look like refusals; therefore there is no verdict. */
const timedOut = { result: "untried", detail: "it was not through in its time" } as const;

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
    return time.signal.aborted ? timedOut : { result: "holds", detail };
  } catch (thrown) {
    if (thrown instanceof Untried) return { result: "untried", detail: thrown.message };
    if (time.signal.aborted) return timedOut;
    return { result: "fails", detail: thrown instanceof Unmet ? thrown.message : failureText(thrown) };
  }
}

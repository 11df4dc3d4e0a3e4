/**
 * Writes events to the log without repetition: a state is logged when it changes, and equal warnings once a minute.
 * Repetitions are logged at level debug.
 *
 * @module
 */
import { type Times, WallTimes } from "../base/clock.ts";
import type { Event, Notify } from "./events.ts";
import { eventRows, type Row } from "./event_rows.ts";
import type { Logger } from "./log.ts";
import { limited } from "./text.ts";

const quietMs = 60_000;
const maxRemembered = 512;

/** Makes the function that logs each event by its row in `eventRows`. */
export function eventLog(logger: Logger, clock: Times): Notify {
  const times = new WallTimes(clock);
  const states = new Map<string, string>();
  const repeats = new Map<string, { since: number; more: number }>();

  const changed = (key: string, state: string): boolean => {
    const same = states.get(key) === state;
    remember(states, key, state);
    return !same;
  };

  /** The number of equal events suppressed since the last one logged; `undefined` if this one is suppressed too. */
  const toldAgain = (key: string, at: number): number | undefined => {
    const last = repeats.get(key);
    if (last !== undefined && at - last.since < quietMs) {
      last.more++;
      return undefined;
    }
    remember(repeats, key, { since: at, more: 0 });
    return last?.more ?? 0;
  };

  return (event) => {
    // The row accepts this type of event. The compiler cannot infer that from the union.
    const row = eventRows[event.type] as Row<Event>;
    let level = row.level(event, times);
    let repeated: number | undefined;
    const state = row.state?.(event, times);
    if (state !== undefined) {
      if (!changed(`${event.type} ${state[0]}`, state[1])) level = "debug";
    } else if (level === "warn" || level === "error") {
      const key = row.repeats?.(event);
      repeated = key === undefined ? 0 : toldAgain(limited(`${event.type} ${key}`), clock.now());
      if (repeated === undefined) level = "debug";
    }
    if (!logger.enabled(level)) return;
    const fields = { event: event.type, ...row.fields(event, times) };
    logger.log(level, row.sentence(event), repeated ? { ...fields, repeated } : fields);
  };
}

/** Sets an entry, and deletes the oldest beyond `maxRemembered`: keys can hold text of a caller. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > maxRemembered && oldest !== undefined) map.delete(oldest);
}

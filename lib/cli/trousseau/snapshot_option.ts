/**
 * The options that name a snapshot for `trousseau decrypt`.
 *
 * @module
 */
import { resolve } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { parseDuration } from "../../base/duration.ts";
import { newestSnapshot } from "../../cluster/snapshot/newest_snapshot.ts";
import { UsageError } from "../command.ts";
import type { TrousseauCall } from "./terminal.ts";

/** The age that the newest snapshot may have, in milliseconds: 35 days, for one a month. */
const defaultMaxAgeMs = 35 * 86_400_000;

/**
 * The file that `--snapshot` names, or the newest one in the folder that `--newest` names.
 *
 * @throws {UsageError} if the options do not go together.
 * @throws {SnapshotError} if the newest one is too old, or if there is none.
 */
export async function snapshotOf({ options }: Pick<TrousseauCall, "options">): Promise<string> {
  const { snapshot, newest, "max-age": maxAge } = options;
  if (snapshot !== undefined && newest !== undefined) {
    throw new UsageError("--snapshot and --newest exclude each other.", "decrypt");
  }
  if (maxAge !== undefined && newest === undefined) throw new UsageError("--max-age is for --newest.", "decrypt");
  const file = snapshot ?? newest;
  // An empty word is a variable that is not set.
  if (file === undefined || file === "") {
    throw new UsageError("Name a file by --snapshot, or a folder by --newest.", "decrypt");
  }
  if (newest === undefined) return file;
  const ms = maxAge === undefined ? defaultMaxAgeMs : parseDuration(maxAge);
  if (ms === undefined || ms === 0) throw new UsageError("--max-age is a duration, as in 24h or 35d.", "decrypt");
  return await newestSnapshot(resolve(newest), ms, systemClock.wall());
}

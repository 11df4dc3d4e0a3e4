/**
 * Records the results of real unwraps on a health board.
 *
 * @module
 */
import { toKmsError } from "../base/errors.ts";
import type { CheckedProvider } from "../provider/provider.ts";
import type { HealthBoard } from "./health.ts";

/**
 * A provider whose unwraps are recorded on the board.
 *
 * @param probeSoon called after a failed unwrap of a provider that is not well.
 */
export function reportsHealth(
  provider: CheckedProvider,
  board: HealthBoard,
  probeSoon: (name: string) => void,
): Pick<CheckedProvider, "name" | "unwrap"> {
  const { name } = provider;
  const reported = async (work: () => Promise<Uint8Array>) => {
    const begunAt = board.now();
    try {
      const opened = await work();
      board.succeeded(name, "unwrap", begunAt);
      return opened;
    } catch (thrown) {
      board.failed(name, "unwrap", toKmsError(thrown));
      if (board.of(name).state !== "well") probeSoon(name);
      throw thrown;
    }
  };
  return {
    name,
    unwrap: (wrapped, call) => reported(() => provider.unwrap(wrapped, call)),
  };
}

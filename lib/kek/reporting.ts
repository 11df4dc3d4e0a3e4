/**
 * Records the results of real unwraps on a health board.
 *
 * @module
 */
import { toKmsError } from "../base/errors.ts";
import type { CheckedProvider, Unwrappable } from "../provider/provider.ts";
import type { HealthBoard } from "./health.ts";

/**
 * A provider whose unwraps are recorded on the board.
 *
 * @param onUnwell called after a failed unwrap of a provider that is not well.
 */
export function reportsHealth(
  provider: CheckedProvider,
  board: HealthBoard,
  onUnwell: (name: string, wrapped: Unwrappable) => void,
): Pick<CheckedProvider, "name" | "unwrap"> {
  const { name } = provider;
  return {
    name,
    unwrap: async (wrapped, call) => {
      const begunAt = board.now();
      try {
        const opened = await provider.unwrap(wrapped, call);
        board.succeeded(name, "unwrap", begunAt);
        return opened;
      } catch (thrown) {
        board.failed(name, "unwrap", toKmsError(thrown));
        if (board.of(name).state !== "well") onUnwell(name, wrapped);
        throw thrown;
      }
    },
  };
}

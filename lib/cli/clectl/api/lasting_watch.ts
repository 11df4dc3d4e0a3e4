/**
 * A watch that lasts: it connects again when the stream ends, also at the end of credentials that were renewed meanwhile.
 *
 * @module
 */
import { backoff, jittered } from "../../../base/deadline.ts";
import type { FolderPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { ChangeEvent } from "../../../api/keyring/secret_schemas.ts";
import { line } from "../../terminal.ts";
import { isTemporary } from "../connection/temporary.ts";
import type { ClectlCall } from "../options.ts";
import type { SecretsApi } from "./secrets_api.ts";

/** Milliseconds between two attempts: the first, and the longest. */
const pauses = { firstMs: 500, maxMs: 30_000 } as const;

/**
 * Changes below a folder until the command is stopped. `undefined` comes after each connection: changes before it may
 * have been missed.
 *
 * @throws {KeyringError | KmsError} a failure that does not end by itself.
 */
export async function* lastingWatch(
  { terminal, program }: Pick<ClectlCall, "terminal" | "program">,
  secrets: SecretsApi,
  folder: FolderPath,
): AsyncGenerator<ChangeEvent | undefined> {
  const { signal, clock, stderr } = terminal;
  for (let failures = 0; !signal.aborted; failures++) {
    const { credentials } = secrets;
    try {
      for await (const change of secrets.watch(folder)) {
        failures = 0;
        yield change;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      const isRenewed = thrown instanceof KeyringError && thrown.code === "unauthenticated" &&
        secrets.credentials !== credentials;
      if (!isRenewed && (!(thrown instanceof Error) || !isTemporary(thrown))) throw thrown;
      if (failures === 0 && !isRenewed) {
        line(stderr, `${program.name}: The watch is interrupted, and starts again: ${thrown.message}`);
      }
    }
    await clock.sleep(jittered(backoff(failures, pauses.firstMs, pauses.maxMs), 0.2), signal);
  }
}

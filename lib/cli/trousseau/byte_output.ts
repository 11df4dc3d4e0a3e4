/**
 * Standard output for bytes: backups and archives.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { systemFailure } from "../../base/system_failures.ts";

/** The standard output for bytes. */
export interface ByteOutput {
  readonly isTerminal: boolean;
  /** Writes all bytes. @throws {KmsError} `config` if the file or pipe does not take them. */
  write(bytes: Uint8Array): void;
}

/** The standard output of this process. */
export function processBytes(): ByteOutput {
  return {
    isTerminal: Deno.stdout.isTerminal(),
    write(bytes) {
      try {
        for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
      } catch (thrown) {
        throw new KmsError("config", `Cannot write to standard output: ${systemFailure(thrown)}; begin again.`);
      }
    },
  };
}

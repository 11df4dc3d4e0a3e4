/**
 * The condition under which a key service takes over the socket of a running key service.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { equalBytes } from "../../base/bytes.ts";
import { deadline } from "../../base/deadline.ts";
import { sopsDeadlineMs } from "../../api/sops/contract.ts";
import type { Takeover } from "../../net/socket/socket.ts";
import { armoured } from "./armour.ts";
import { vaultKeyOf } from "./key_uri.ts";
import type { SopsService } from "./service.ts";

/**
 * Permits the takeover if the running process decrypts, for each key name, a data key that this process has encrypted:
 * then both have the same keys. The protocol has no other way to compare them.
 */
export function whereKeysMatch(service: SopsService, keys: readonly string[]): Takeover {
  return async (path) => {
    using bound = deadline(sopsDeadlineMs);
    // Only a takeover calls another process: a plain start does not load the client's library.
    const { dialSops } = await import("../../api/sops/client.ts");
    await using client = dialSops(path);
    for (const name of keys) {
      const plaintext = new Uint8Array(randomBytes(32));
      const { frame } = await service.encrypt(name, plaintext, bound);
      const request = { key: { vault_key: vaultKeyOf(name) }, ciphertext: armoured(frame) };
      const opened = await client.sops.Decrypt(request, bound).catch(() => undefined);
      if (!opened || !equalBytes(opened.plaintext, plaintext)) {
        return `the process there does not open what this one encrypts with the key "${name}"`;
      }
    }
    return undefined;
  };
}

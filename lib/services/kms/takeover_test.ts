import { equal } from "node:assert/strict";
import { join } from "node:path";
import { kmsServer } from "../../api/kms/server.ts";
import { whereKeyIdMatches } from "./takeover.ts";

Deno.test("whereKeyIdMatches() permits the takeover from a plugin with the same key ID, and reports both IDs otherwise", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  const server = kmsServer({
    v2: {
      Status: () => ({ version: "v2", healthz: "ok", key_id: "theirs" }),
      Encrypt: () => ({ ciphertext: new Uint8Array(1), key_id: "theirs", annotations: {} }),
      Decrypt: () => ({ plaintext: new Uint8Array(1) }),
    },
  });
  await server.listen(path);
  try {
    equal(await whereKeyIdMatches(() => "theirs")(path), undefined);
    const other = `the process there announces the key ID "theirs", this one the key ID "ours"`;
    equal(await whereKeyIdMatches(() => "ours")(path), other);
    equal(
      await whereKeyIdMatches(() => undefined)(path),
      `the process there announces the key ID "theirs", this one no key ID`,
    );
  } finally {
    await server.shutdown(0);
    await Deno.remove(folder, { recursive: true });
  }
});

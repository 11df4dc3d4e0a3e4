/**
 * The server of `lib/net/http2` with h2spec, which sends frames that the RFCs forbid and frames that they allow but few
 * clients send; and with gRPC's own client.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { kmsServer } from "../../lib/api/kms/server.ts";
import { headerBlock } from "../../lib/net/http2/hpack.ts";
import { Http2Listener } from "../../lib/net/http2/listener.ts";
import { pause, run } from "../support/processes.ts";
import { bridge } from "../support/tcp_bridge.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { serverProgram } from "./servers.ts";

const answer = {
  head: headerBlock([[":status", "200"]]),
  body: Buffer.from("answered in full"),
  trailers: headerBlock([["grpc-status", "0"]]),
};

for (const afterMs of [0, 20]) {
  const when = afterMs === 0 ? "at once" : "while more comes";
  Deno.test(`Http2Listener passes h2spec in strict mode with requests answered ${when}`, async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "s");
      const listener = new Http2Listener((stream) => ({
        data() {},
        async end() {
          if (afterMs > 0) await pause(afterMs);
          stream.answer(answer);
        },
      }), (thrown) => assert.fail(String(thrown)));
      await listener.listen(path);
      {
        await using bridged = await bridge(path);
        const args = ["--strict", "--timeout", "5", "--host", "127.0.0.1", "--port", `${bridged.port}`];
        const { stdout } = await run(await serverProgram("h2spec"), args);
        const [, all, passed] = /(\d+) tests, (\d+) passed, 0 skipped, 0 failed/.exec(stdout) ?? [];
        assert.ok(Number(all) >= 146 && all === passed, stdout.slice(-4000));
      }
      await listener.close(0);
    });
  });
}

Deno.test("rpcServer() serves gRPC's client for Python, with bodies larger than its windows and cancelled calls", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "s");
    const server = kmsServer({
      v2: {
        Status: () => ({ version: "v2", healthz: "ok", key_id: "k" }),
        async Encrypt({ plaintext }) {
          await pause(1);
          return { ciphertext: plaintext, key_id: "k", annotations: {} };
        },
        Decrypt: ({ ciphertext }) => ({ plaintext: ciphertext }),
      },
    });
    await server.listen(path);
    const script = join(import.meta.dirname ?? ".", "harness", "grpc_client.py");
    const { code, stdout, stderr } = await run(await serverProgram("kms-plugin-python"), ["-B", script, path]);
    await server.shutdown(1_000);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), "answered 172");
  });
});

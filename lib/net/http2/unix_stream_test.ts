import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { join } from "node:path";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { UnixStream } from "./unix_stream.ts";

/** Both ends of one connection. */
async function connected(act: (stream: UnixStream, client: Deno.UnixConn) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, "s");
    using listener = Deno.listen({ transport: "unix", path });
    const [accepted, client] = await Promise.all([listener.accept(), Deno.connect({ transport: "unix", path })]);
    const stream = new UnixStream(accepted);
    stream.on("error", () => {});
    try {
      await act(stream, client);
    } finally {
      stream.destroy();
      try {
        client.close();
      } catch {
        // Closed already by the test.
      }
    }
  });
}

async function readAll(client: Deno.UnixConn): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(client.readable));
}

Deno.test("UnixStream delivers bytes complete and in order, in chunks that retain no larger buffer", async () => {
  await connected(async (stream, client) => {
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    const chunks: Buffer[] = [];
    const ended = once(stream.on("data", (chunk: Buffer) => chunks.push(chunk)), "end");
    for (let at = 0; at < sent.length;) at += await client.write(sent.subarray(at, at + 7_000));
    await client.closeWrite();
    await ended;
    deepEqual(new Uint8Array(Buffer.concat(chunks)), sent);
    ok(chunks.every(({ length, buffer }) => buffer.byteLength === length));
  });
});

Deno.test("UnixStream writes concurrent writes in order, and ends after them", async () => {
  await connected(async (stream, client) => {
    const parts = [1, 2, 60_000, 3, 65_536].map((length) => crypto.getRandomValues(new Uint8Array(length)));
    const all = readAll(client);
    for (const part of parts) stream.write(part);
    ok(stream.writableLength > 0);
    stream.end();
    deepEqual(await all, Buffer.concat(parts));
  });
});

Deno.test("UnixStream closes after its client has disconnected, and accepts writes until then", async () => {
  await connected(async (stream, client) => {
    const closed = once(stream.resume(), "close");
    client.close();
    await closed;
    equal(stream.destroyed, true);
    stream.write(new Uint8Array(1));
  });
});

Deno.test("UnixStream.destroy() closes the connection during a read", async () => {
  await connected(async (stream, client) => {
    const closed = once(stream.resume(), "close");
    stream.destroy();
    await closed;
    equal(await client.read(new Uint8Array(1)).catch(() => null), null);
  });
});

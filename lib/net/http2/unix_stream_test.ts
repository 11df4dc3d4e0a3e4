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

Deno.test("UnixStream reads calls that came together in one piece, and returns to a small buffer after many small reads", async () => {
  const sizes: number[] = [];
  const full = (buffer: Uint8Array) => buffer.length;
  const answers = [full, () => 6_000, ...Array.from({ length: 63 }, () => () => 10), full, full, full];
  const small = Array.from({ length: 500 }, () => () => 10);
  const steps = [...answers, ...small].values();
  const stream = new UnixStream({
    read: (buffer: Uint8Array) => {
      sizes.push(buffer.length);
      return Promise.resolve(steps.next().value?.(buffer) ?? null);
    },
    write: () => Promise.resolve(0),
    close() {},
    closeWrite: () => Promise.resolve(),
  });
  await once(stream.resume(), "close");
  equal(sizes[0], 2_048);
  deepEqual(new Set(sizes.slice(1, answers.length - 2)), new Set([16_384]));
  deepEqual(sizes.slice(answers.length - 2, answers.length + 1), [65_536, 65_536, 65_536]);
  deepEqual([...new Set(sizes.slice(answers.length))], [65_536, 32_768, 16_384, 8_192, 4_096, 2_048]);
});

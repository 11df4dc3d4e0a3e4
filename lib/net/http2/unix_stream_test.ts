import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { type AcceptedConnection, UnixStream } from "./unix_stream.ts";

/** A stream, and what it has told. */
class Told {
  readonly chunks: Buffer[] = [];
  drained = 0;
  closed = 0;
  readonly stream: UnixStream;
  readonly closing = Promise.withResolvers<void>();
  onData = () => {};
  onDrained = () => {};

  constructor(connection: AcceptedConnection) {
    this.stream = new UnixStream(connection, {
      data: (chunk) => {
        this.chunks.push(chunk);
        this.onData();
      },
      drained: () => {
        this.drained++;
        this.onDrained();
      },
      closed: () => {
        this.closed++;
        this.closing.resolve();
      },
    });
  }
}

/** Both ends of one connection. */
async function connected(act: (told: Told, client: Deno.UnixConn) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, "s");
    using listener = Deno.listen({ transport: "unix", path });
    const [accepted, client] = await Promise.all([listener.accept(), Deno.connect({ transport: "unix", path })]);
    const told = new Told(accepted);
    try {
      await act(told, client);
    } finally {
      told.stream.destroy();
      await told.closing.promise;
      equal(told.closed, 1);
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
  await connected(async ({ chunks, closing }, client) => {
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    for (let at = 0; at < sent.length;) at += await client.write(sent.subarray(at, at + 7_000));
    await client.closeWrite();
    await closing.promise;
    deepEqual(new Uint8Array(Buffer.concat(chunks)), sent);
    ok(chunks.every(({ length, buffer }) => buffer.byteLength === length));
  });
});

Deno.test("UnixStream writes in order what was written at once, and ends after it", async () => {
  await connected(async ({ stream }, client) => {
    const parts = [1, 2, 60_000, 3, 65_536].map((length) => crypto.getRandomValues(new Uint8Array(length)));
    const all = readAll(client);
    for (const part of parts) stream.write(part);
    equal(stream.unsent, parts.reduce((sum, { length }) => sum + length, 0));
    stream.end();
    stream.write(new Uint8Array(9));
    deepEqual(await all, Buffer.concat(parts));
  });
});

Deno.test("UnixStream sends the rest of a write that was taken in part, and tells when all is sent", async () => {
  const taken: string[] = [];
  const never = new Promise<never>(() => {});
  const told = new Told({
    read: () => never,
    write: (bytes) =>
      Promise.resolve(taken.push(Buffer.from(bytes.subarray(0, 3)).toString()) && Math.min(3, bytes.length)),
    close() {},
    closeWrite: () => Promise.resolve(),
  });
  const sent = new Promise<void>((resolve) => told.onDrained = resolve);
  told.stream.write(Buffer.from("abcdefg"));
  told.stream.write(Buffer.from("hi"));
  told.stream.write(Buffer.from("jk"));
  equal(told.stream.unsent, 11);
  await sent;
  deepEqual(taken, ["abc", "def", "g", "hij", "k"]);
  deepEqual([told.stream.unsent, told.drained], [0, 1]);
});

Deno.test("UnixStream holds what is read after a pause until it is resumed, and reads nothing more", async () => {
  const reads = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  let begun = 0;
  const told = new Told({
    read: () => reads[begun++]?.promise ?? Promise.resolve(null),
    write: ({ length }) => Promise.resolve(length),
    close() {},
    closeWrite: () => Promise.resolve(),
  });
  told.stream.pause();
  reads[0]?.resolve(5);
  await reads[0]?.promise;
  deepEqual([told.chunks.length, begun, told.stream.isPaused], [0, 1, true]);
  const delivered = new Promise<void>((resolve) => told.onData = resolve);
  told.stream.resume();
  deepEqual([told.chunks.length, told.stream.isPaused], [0, false]);
  await delivered;
  deepEqual([told.chunks.length, told.chunks[0]?.length], [1, 5]);
  told.onData = () => told.stream.pause();
  reads[1]?.resolve(7);
  await reads[1]?.promise;
  deepEqual([told.chunks.length, begun], [2, 2]);
  told.stream.resume();
  await told.closing.promise;
  deepEqual([told.chunks.length, begun], [2, 3]);
});

Deno.test("UnixStream closes after its client has disconnected, and accepts writes until then", async () => {
  await connected(async ({ stream, closing }, client) => {
    client.close();
    await closing.promise;
    stream.write(new Uint8Array(1));
    equal(stream.unsent, 0);
  });
});

Deno.test("UnixStream closes after a failed read and after a failed write", async () => {
  const fails = () => Promise.reject(new Deno.errors.ConnectionReset());
  const never = () => new Promise<never>(() => {});
  for (const [read, write] of [[fails, never], [never, fails]] as const) {
    let closes = 0;
    const told = new Told({ read, write, close: () => void closes++, closeWrite: never });
    told.stream.write(new Uint8Array(1));
    await told.closing.promise;
    deepEqual([told.closed, closes, told.drained], [1, 1, 0]);
  }
});

Deno.test("UnixStream.destroy() closes the connection during a read", async () => {
  await connected(async ({ stream, closing }, client) => {
    stream.destroy();
    stream.destroy();
    await closing.promise;
    equal(await client.read(new Uint8Array(1)).catch(() => null), null);
  });
});

Deno.test("UnixStream reads calls that came together in one piece, and returns to a small buffer after many small reads", async () => {
  const sizes: number[] = [];
  const full = (buffer: Uint8Array) => buffer.length;
  const answers = [full, () => 6_000, ...Array.from({ length: 63 }, () => () => 10), full, full, full];
  const small = Array.from({ length: 500 }, () => () => 10);
  const steps = [...answers, ...small].values();
  const { closing } = new Told({
    read: (buffer: Uint8Array) => {
      sizes.push(buffer.length);
      return Promise.resolve(steps.next().value?.(buffer) ?? null);
    },
    write: () => Promise.resolve(0),
    close() {},
    closeWrite: () => Promise.resolve(),
  });
  await closing.promise;
  equal(sizes[0], 2_048);
  deepEqual(new Set(sizes.slice(1, answers.length - 2)), new Set([16_384]));
  deepEqual(sizes.slice(answers.length - 2, answers.length + 1), [65_536, 65_536, 65_536]);
  deepEqual([...new Set(sizes.slice(answers.length))], [65_536, 32_768, 16_384, 8_192, 4_096, 2_048]);
});

import { equal, fail, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { on, once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import type { OnStream } from "./connection.ts";
import { frameFlags, FrameSplitter, frameTypes, FrameWriter, type Http2Frame, preface } from "./frames.ts";
import { Http2Listener, maxConnections } from "./listener.ts";
import { headerBlock } from "./hpack.ts";

/** A listener, and clients whose bytes the test writes. */
async function listening(
  act: (listener: Http2Listener, dial: () => Promise<Socket>) => Promise<void>,
  onStream: OnStream = () => undefined,
): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, "s");
    const listener = new Http2Listener(onStream, (thrown) => fail(String(thrown)));
    await listener.listen(path);
    const sockets: Socket[] = [];
    try {
      await act(listener, async () => {
        const socket = connect(path);
        sockets.push(socket);
        socket.on("error", () => {});
        await once(socket, "connect");
        return socket;
      });
    } finally {
      for (const socket of sockets) socket.destroy();
      await listener.close(0);
    }
  });
}

function clientPreface(): Buffer {
  const writer = new FrameWriter(() => {});
  writer.settings([]);
  return Buffer.concat([preface, writer.take() ?? Buffer.alloc(0)]);
}

Deno.test("Http2Listener.close() does not wait for a client that has sent nothing", async () => {
  await listening(async (listener, dial) => {
    const socket = await dial();
    socket.resume();
    const closed = once(socket, "close");
    await listener.close(60_000);
    await closed;
  });
});

Deno.test("Http2Listener.close() waits only briefly for a client that does not answer the shutdown PING", async () => {
  await listening(async (listener, dial) => {
    const socket = await dial();
    const frames: Http2Frame[] = [];
    const splitter = new FrameSplitter();
    splitter.add(Buffer.from(preface));
    socket.on("data", (read: Buffer) => {
      splitter.add(read);
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) frames.push(frame);
    });
    socket.write(clientPreface());
    await once(socket, "data");
    const closed = once(socket, "close");
    await listener.close(60_000);
    await closed;
    equal(frames.filter(({ type }) => type === frameTypes.GOAWAY).length, 2);
  });
});

Deno.test("Http2Listener sends GOAWAY to a client that connects during close()", async () => {
  await listening(async (listener, dial) => {
    const first = await dial();
    first.resume().write(clientPreface());
    const second = await dial();
    second.resume();
    const closed = once(second, "close");
    await listener.close(1_000);
    await closed;
  });
});

Deno.test("Http2Listener stops reading from a client that does not read its responses", async () => {
  await listening(async (_listener, dial) => {
    const socket = await dial();
    const writer = new FrameWriter(() => {});
    for (let at = 0; at < 4096; at++) writer.frame("PING", 0, 0, new Uint8Array(8));
    const pings = writer.take() ?? Buffer.alloc(0);
    socket.pause().write(clientPreface());
    let taken = 0;
    let stuck = false;
    while (!stuck && taken < 64 << 20) {
      const sent = new Promise<boolean>((resolve) => socket.write(pings, () => resolve(true)));
      const late = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => late.resolve(false), 1_000);
      stuck = !await Promise.race([sent, late.promise]);
      clearTimeout(timer);
      taken += pings.length;
    }
    ok(stuck, "everything was read");
    // It continues as soon as the client reads.
    const went = once(socket, "drain");
    socket.resume();
    await went;
  });
});

/** Writes frames, and waits until the ACK of PING or SETTINGS shows that they were read. */
async function writeAndAwaitAck(
  socket: Socket,
  write: (writer: FrameWriter) => void,
  before: Uint8Array = Buffer.alloc(0),
) {
  const writer = new FrameWriter(() => {});
  write(writer);
  socket.write(Buffer.concat([before, writer.take() ?? Buffer.alloc(0)]));
  const splitter = new FrameSplitter();
  splitter.add(Buffer.from(preface));
  for await (const [read] of on(socket, "data")) {
    splitter.add(read as Buffer);
    for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
      if (
        [frameTypes.PING, frameTypes.SETTINGS].includes(frame.type as 4 | 6) && (frame.flags & frameFlags.ACK) !== 0
      ) return;
    }
  }
}

/** Sends preface and settings, and waits until they were read. */
function sendPreface(socket: Socket): Promise<void> {
  return writeAndAwaitAck(socket, (writer) => writer.settings([]), preface);
}

Deno.test("Http2Listener closes the most silent connection for a new one at the maximum", async () => {
  await listening(async (_listener, dial) => {
    const sockets: Socket[] = [];
    const closed: Socket[] = [];
    for (let at = 0; at < maxConnections; at++) {
      const socket = await dial();
      socket.on("close", () => closed.push(socket));
      await sendPreface(socket);
      sockets.push(socket);
    }
    const [first] = sockets;
    // The first to connect, and the last to send a byte.
    await writeAndAwaitAck(first as Socket, (writer) => writer.frame("PING", 0, 0, new Uint8Array(8)));
    const one = Promise.race(sockets.map((socket) => once(socket.resume(), "close")));
    await sendPreface(await dial());
    await one;
    ok(closed.length === 1 && closed[0] !== first);
  });
});

const called = headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/a"]]);

/** The maximum number of connections, each with a call whose request is complete or not, by `flags`. */
async function connectMaximum(dial: () => Promise<Socket>, flags: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let at = 0; at < maxConnections; at++) {
    const socket = await dial();
    await writeAndAwaitAck(socket, (writer) => {
      writer.settings([]);
      writer.frame("HEADERS", frameFlags.END_HEADERS | flags, 1, called);
      writer.frame("PING", 0, 0, new Uint8Array(8));
    }, preface);
    sockets.push(socket.resume());
  }
  return sockets;
}

Deno.test("Http2Listener closes no connection with a call in progress, and refuses a new one at the maximum", async () => {
  await listening(async (_listener, dial) => {
    const sockets = await connectMaximum(dial, frameFlags.END_STREAM);
    const refused = (await dial()).resume();
    await once(refused, "close");
    ok(sockets.every((socket) => !socket.destroyed));
    sockets[0]?.destroy();
    // The server notices with a delay.
    for (let served = false; !served;) {
      const next = await dial();
      served = await sendPreface(next).then(() => true, () => false);
    }
  }, () => ({ data: () => 0, end() {} }));
});

Deno.test("Http2Listener closes a connection with incomplete requests for a new one", async () => {
  await listening(async (_listener, dial) => {
    const sockets = await connectMaximum(dial, 0);
    const one = once(sockets[0] as Socket, "close");
    await sendPreface(await dial());
    await one;
    ok(sockets.slice(1).every((socket) => !socket.destroyed));
  }, () => ({ data: () => 0, end() {} }));
});

Deno.test("Http2Listener answers one connection while another has sent more than one turn of work", async () => {
  const request = headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/a"]]);
  const head = headerBlock([[":status", "200"]]);
  const order: string[] = [];
  const onStream: OnStream = (stream) => ({
    data: () => 0,
    end() {
      // A call costs a millisecond, more than a turn.
      for (const began = performance.now(); performance.now() - began < 1;);
      order.push(stream.id === 2001 ? "other" : "busy");
      stream.finish(head);
    },
  });
  await listening(async (_listener, dial) => {
    const [busy, other] = [await dial(), await dial()];
    await sendPreface(busy);
    await sendPreface(other);
    const calls = (ids: readonly number[]) => {
      const writer = new FrameWriter(() => {});
      for (const id of ids) {
        writer.frame("HEADERS", frameFlags.END_HEADERS | frameFlags.END_STREAM, id, request);
      }
      return writer.take() ?? Buffer.alloc(0);
    };
    busy.resume();
    busy.write(calls(Array.from({ length: 300 }, (_, at) => 2 * at + 1)));
    const answered = once(other, "data");
    other.write(calls([2001]));
    await answered;
    const at = order.indexOf("other");
    // Of the 300 calls, those run before it that arrived before it was read, and a few turns more.
    ok(at >= 0 && at < 150, `${at} calls came first`);
  }, onStream);
});

import { equal, fail, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { type Frame, FrameSplitter, frameTypes, FrameWriter, preface } from "./frames.ts";
import { Http2Listener } from "./listener.ts";

/** A listener, and a client that says what the test has it say. */
async function listening(act: (listener: Http2Listener, dial: () => Promise<Socket>) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, "s");
    const listener = new Http2Listener(() => undefined, (thrown) => fail(String(thrown)));
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

function greeting(): Buffer {
  const writer = new FrameWriter(() => {});
  writer.settings([]);
  return Buffer.concat([preface, writer.take() ?? Buffer.alloc(0)]);
}

Deno.test("Http2Listener.close() does not wait for a client that has said nothing", async () => {
  await listening(async (listener, dial) => {
    const socket = await dial();
    socket.resume();
    const closed = once(socket, "close");
    await listener.close(60_000);
    await closed;
  });
});

Deno.test("Http2Listener.close() waits but a moment for a client that does not take notice of its goodbye", async () => {
  await listening(async (listener, dial) => {
    const socket = await dial();
    const frames: Frame[] = [];
    const splitter = new FrameSplitter((frame) => frames.push(frame));
    splitter.add(Buffer.from(preface));
    socket.on("data", (read: Buffer) => splitter.add(read));
    socket.write(greeting());
    await once(socket, "data");
    const closed = once(socket, "close");
    await listener.close(60_000);
    await closed;
    equal(frames.filter(({ type }) => type === frameTypes.GOAWAY).length, 2);
  });
});

Deno.test("Http2Listener says goodbye to a client that comes while it closes", async () => {
  await listening(async (listener, dial) => {
    const first = await dial();
    first.resume().write(greeting());
    const second = await dial();
    second.resume();
    const closed = once(second, "close");
    await listener.close(1_000);
    await closed;
  });
});

Deno.test("Http2Listener reads no further from a client that does not read its answers", async () => {
  await listening(async (_listener, dial) => {
    const socket = await dial();
    const writer = new FrameWriter(() => {});
    for (let at = 0; at < 4096; at++) writer.frame("PING", 0, 0, new Uint8Array(8));
    const pings = writer.take() ?? Buffer.alloc(0);
    socket.pause().write(greeting());
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
    // It goes on where it stopped as soon as it is read from.
    const went = once(socket, "drain");
    socket.resume();
    await went;
  });
});

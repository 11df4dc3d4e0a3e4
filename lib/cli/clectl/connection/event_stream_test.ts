import { deepEqual, rejects } from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../../base/bytes.ts";
import { serverEvents } from "./event_stream.ts";
import { withIdleLimit } from "./idle_limit.ts";

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    if (size > 0) yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

async function events(text: string | Uint8Array, sizes: readonly number[] = []) {
  return await Array.fromAsync(serverEvents(chunksOf(typeof text === "string" ? utf8(text) : text, sizes)));
}

const stream =
  ': hello\n\nevent: change\ndata: {"a":"ü"}\nid: 1\n\ndata: one\ndata: two\n\nevent: change\ndata: cut off';
const found = [{ type: "change", data: '{"a":"ü"}' }, { type: "message", data: "one\ntwo" }];

Deno.test("serverEvents() reads events in any division into chunks, with any line ends", async () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = stream.replaceAll("\n", end);
    await fc.assert(fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 20 }), async (sizes) => {
      deepEqual(await events(text, sizes), found);
    }));
  }
});

Deno.test("serverEvents() refuses an event without an end, and bytes that are not UTF-8", async () => {
  await rejects(events(`data: ${"x".repeat(70_000)}`), /too large/);
  await rejects(events(Uint8Array.of(0x64, 0xff)), /not UTF-8/);
});

Deno.test("withIdleLimit() passes chunks on, and ends a stream that is silent", async () => {
  const slow = async function* () {
    yield Uint8Array.of(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    yield Uint8Array.of(2);
  };
  deepEqual((await Array.fromAsync(withIdleLimit(slow(), 1000))).map(([byte]) => byte), [1, 2]);
  const hung = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Uint8Array.of(1)) });
  await rejects(Array.fromAsync(withIdleLimit(hung, 50)), /sent nothing for too long/);
});

import assert from "node:assert/strict";
import { ConnectionError, type ErrorName, StreamError } from "./errors.ts";
import { ServerStream } from "./stream.ts";
import { lastPossible, maxStreams, StreamTable } from "./stream_table.ts";

const host = { answer() {}, finish() {} };

/** Admits and adds streams. */
function begin(table: StreamTable, ...ids: number[]): ServerStream[] {
  return ids.map((id) => {
    assert.ok(table.admit(id));
    const stream = new ServerStream(host, id);
    table.add(stream);
    return stream;
  });
}

function odd(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 2 * i + 1);
}

function ofConnection(code: ErrorName): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof ConnectionError && thrown.code === code;
}

function ofStream(code: ErrorName, id: number): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof StreamError && thrown.code === code && thrown.stream === id;
}

Deno.test("StreamTable holds the open streams until they are deleted", () => {
  const table = new StreamTable();
  assert.deepEqual([table.size, table.lastServed, table.all()], [0, 0, []]);
  const [first, second] = begin(table, 1, 5) as [ServerStream, ServerStream];
  assert.deepEqual([table.size, table.lastServed, table.get(3)], [2, 5, undefined]);
  assert.ok(table.get(1) === first && table.get(5) === second);
  const all = table.all();
  table.delete(first);
  assert.deepEqual([table.size, table.lastServed, table.get(1)], [1, 5, undefined]);
  assert.ok(all.length === 2 && all[0] === first && all[1] === second);
});

Deno.test("StreamTable.admit() accepts odd, ascending identifiers up to the maximum", () => {
  const table = new StreamTable();
  for (const id of [0, 2, 4]) assert.throws(() => table.admit(id), ofConnection("PROTOCOL_ERROR"));
  for (const id of [1, 3, 9]) assert.ok(table.admit(id));
  for (const id of [1, 3, 5, 7, 9]) assert.throws(() => table.admit(id), ofConnection("STREAM_CLOSED"), `${id}`);
  assert.throws(() => table.admit(10), ofConnection("PROTOCOL_ERROR"));
  assert.equal(table.lastServed, 9);
  assert.ok(table.admit(lastPossible));
});

Deno.test("StreamTable.admit() refuses one stream too many, and accepts the next after another has closed", () => {
  const table = new StreamTable();
  const [first] = begin(table, ...odd(maxStreams)) as [ServerStream];
  const tooMany = 2 * maxStreams + 1;
  assert.throws(() => table.admit(tooMany), ofStream("REFUSED_STREAM", tooMany));
  assert.equal(table.lastServed, tooMany);
  table.delete(first);
  assert.ok(table.admit(tooMany + 2));
});

Deno.test("StreamTable.admit() is false for a stream that the server has reset, if its headers arrive late", () => {
  const table = new StreamTable();
  begin(table, 1, 3);
  table.rememberReset(1);
  assert.equal(table.admit(1), false);
  assert.throws(() => table.admit(3), ofConnection("STREAM_CLOSED"));
});

Deno.test("StreamTable.rememberReset() remembers twice the maximum of open streams, then drops the oldest", () => {
  const table = new StreamTable();
  const ids = odd(2 * maxStreams + 1);
  for (const id of ids) table.admit(id);
  for (const id of ids.slice(0, -1)) table.rememberReset(id);
  for (const id of ids.slice(0, -1)) table.ignoreOrReject(id);
  table.rememberReset(ids.at(-1) ?? 0);
  assert.throws(() => table.ignoreOrReject(1), ofStream("STREAM_CLOSED", 1));
  for (const id of ids.slice(1)) table.ignoreOrReject(id);
});

Deno.test("StreamTable.refuseNew() refuses new streams and ignores frames on them", () => {
  const table = new StreamTable();
  const [open] = begin(table, 3);
  assert.ok(table.acceptsNew);
  table.refuseNew();
  assert.ok(!table.acceptsNew);
  assert.throws(() => table.admit(5), ofStream("REFUSED_STREAM", 5));
  // A GOAWAY must not have a higher identifier than the one before (RFC 9113, section 6.8).
  assert.equal(table.lastServed, 3);
  table.ignoreOrReject(5);
  assert.throws(() => table.ignoreOrReject(1), ofStream("STREAM_CLOSED", 1));
  assert.ok(table.get(3) === open);
});

Deno.test("StreamTable.refuseNew() refuses new streams also if there was none before", () => {
  const table = new StreamTable();
  table.refuseNew();
  assert.ok(!table.acceptsNew);
  assert.throws(() => table.admit(1), ofStream("REFUSED_STREAM", 1));
});

Deno.test("StreamTable.requireBegun() and ignoreOrReject() reject an identifier that the client has not used", () => {
  const table = new StreamTable();
  begin(table, 1, 5);
  for (const id of [2, 4, 6, 7, lastPossible]) {
    assert.throws(() => table.requireBegun(id), ofConnection("PROTOCOL_ERROR"), `${id}`);
    assert.throws(() => table.ignoreOrReject(id), ofConnection("PROTOCOL_ERROR"), `${id}`);
  }
  // A new stream closes all unused lower ones (RFC 9113, section 5.1.1).
  for (const id of [1, 3, 5]) table.requireBegun(id);
  assert.throws(() => table.ignoreOrReject(3), ofStream("STREAM_CLOSED", 3));
});

Deno.test("StreamTable.refuseNew() has effect after the highest identifier", () => {
  const table = new StreamTable();
  begin(table, lastPossible);
  table.refuseNew();
  assert.ok(!table.acceptsNew);
});

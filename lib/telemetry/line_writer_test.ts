import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8Text } from "../base/bytes.ts";
import type { LineTarget } from "./line_target.ts";
import { LineWriter, type LineWriterOptions, type WriterReport } from "./line_writer.ts";

/** A target in memory that can fail, hang, accept a few bytes at a time, or change to another file. */
class MemoryTarget implements LineTarget {
  files: string[] = [""];
  chunk = Infinity;
  failing = false;
  hanging = false;
  rotateAfter = Infinity;
  writes = 0;
  closed = false;

  prepare(): Promise<boolean> {
    if (this.failing) return Promise.reject(new Deno.errors.PermissionDenied("canary"));
    if (this.writes < this.rotateAfter) return Promise.resolve(false);
    this.rotateAfter = Infinity;
    this.files.push("");
    return Promise.resolve(true);
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.failing) return Promise.reject(new Deno.errors.PermissionDenied("canary"));
    if (this.hanging) return new Promise(() => {});
    this.writes++;
    const taken = bytes.subarray(0, this.chunk);
    this.files[this.files.length - 1] += utf8Text(taken) ?? "?";
    // As with a full disk: some of the bytes, then an error.
    if (this.writes === this.rotateAfter) this.failing = true;
    return Promise.resolve(taken.length);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

function opened(target: MemoryTarget, options: Partial<LineWriterOptions> = {}) {
  const reports: WriterReport[] = [];
  const writer = new LineWriter({
    target,
    flushMs: 1,
    maxBuffered: 1_000_000,
    retryMs: 1,
    closeMs: 5000,
    onReport: (report) => void reports.push(report),
    gapLine: (lost) => `gap ${lost}\n`,
    ...options,
  });
  return { writer, reports };
}

const numbered = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}\n`);
const until = async (done: () => boolean) => {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
};

Deno.test("LineWriter writes without being closed", async () => {
  const target = new MemoryTarget();
  const { writer } = opened(target);
  writer.write("one\n");
  await until(() => target.files[0] === "one\n");
  writer.write("two\n");
  await until(() => target.files[0] === "one\ntwo\n");
  await writer[Symbol.asyncDispose]();
  assert.ok(target.closed);
});

Deno.test("LineWriter loses nothing in bursts of any shape, even if a write accepts few bytes", async () => {
  const bursts = fc.array(fc.nat(50), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(bursts, fc.integer({ min: 1, max: 40 }), async (sizes, chunk) => {
      const target = new MemoryTarget();
      target.chunk = chunk;
      const { writer, reports } = opened(target);
      let expected = "";
      for (const size of sizes) {
        for (const line of numbered(size)) {
          writer.write(line);
          expected += line;
        }
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await writer[Symbol.asyncDispose]();
      assert.equal(target.files.join(""), expected);
      assert.deepEqual([writer.lost, reports], [0, []]);
    }),
    { numRuns: 30 },
  );
});

Deno.test("LineWriter writes the last lines at closing", async () => {
  const target = new MemoryTarget();
  const { writer } = opened(target, { flushMs: 1_000_000 });
  for (const line of numbered(20_000)) writer.write(line);
  await writer[Symbol.asyncDispose]();
  assert.equal(target.files[0], numbered(20_000).join(""));
});

Deno.test("LineWriter writes lines of any length and script, in order", async () => {
  const target = new MemoryTarget();
  const { writer } = opened(target);
  const lines = [..."aü€😀"].flatMap((letter) => [1, 20_000, 70_000].map((length) => `${letter.repeat(length)}\n`));
  for (const line of lines) writer.write(line);
  await writer[Symbol.asyncDispose]();
  assert.ok(target.files[0] === lines.join(""));
  assert.equal(writer.lost, 0);
});

Deno.test("LineWriter keeps lines while its target fails, and reports it once", async () => {
  const target = new MemoryTarget();
  target.failing = true;
  const { writer, reports } = opened(target);
  for (const line of numbered(3)) writer.write(line);
  await until(() => writer.state === "failing");
  await new Promise((resolve) => setTimeout(resolve, 20));
  writer.write("last\n");
  target.failing = false;
  await until(() => writer.state === "well");
  await writer[Symbol.asyncDispose]();
  assert.equal(target.files[0], numbered(3).join("") + "last\n");
  assert.deepEqual(reports, [
    { state: "failing", lost: 0, cause: "permission denied" },
    { state: "well", lost: 0, cause: "" },
  ]);
});

Deno.test("LineWriter counts lines beyond its limit, and writes a line in their place", async () => {
  const target = new MemoryTarget();
  target.failing = true;
  const { writer, reports } = opened(target, { maxBuffered: 21 });
  for (const line of numbered(5)) writer.write(line);
  assert.equal(writer.lost, 2);
  await until(() => target.writes === 0 && writer.state === "losing");
  target.failing = false;
  await until(() => writer.state === "well");
  writer.write("last\n");
  await writer[Symbol.asyncDispose]();
  assert.equal(target.files[0], "line 0\nline 1\nline 2\ngap 2\nlast\n");
  assert.deepEqual(reports.map(({ state, lost }) => [state, lost]), [["losing", 1], ["well", 2]]);
});

Deno.test("LineWriter writes a line again that was split by a change of files", async () => {
  const target = new MemoryTarget();
  target.chunk = 10;
  target.rotateAfter = 2;
  const { writer } = opened(target);
  for (const line of numbered(4)) writer.write(line);
  await until(() => writer.state === "failing");
  target.failing = false;
  await writer[Symbol.asyncDispose]();
  assert.deepEqual(target.files, ["line 0\nline 1\nline 2", "line 2\nline 3\n"]);
});

Deno.test("LineWriter does not hang at closing, and counts the remaining lines", async () => {
  const target = new MemoryTarget();
  target.hanging = true;
  const { writer, reports } = opened(target, { closeMs: 30 });
  for (const line of numbered(3)) writer.write(line);
  await new Promise((resolve) => setTimeout(resolve, 5));
  writer.write("later\n");
  await writer[Symbol.asyncDispose]();
  assert.equal(writer.lost, 4);
  assert.deepEqual(reports.map(({ state }) => state), ["losing"]);
});

Deno.test("LineWriter counts lines after closing as lost", async () => {
  const { writer } = opened(new MemoryTarget());
  await writer[Symbol.asyncDispose]();
  writer.write("late\n");
  assert.equal(writer.lost, 1);
});

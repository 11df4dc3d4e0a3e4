import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionFault } from "./faults.ts";
import { maxStreams } from "./stream_table.ts";
import { opened, ReceiveWindow, windows } from "./windows.ts";

function isFlowControlError(thrown: unknown): boolean {
  return thrown instanceof ConnectionFault && thrown.code === "FLOW_CONTROL_ERROR";
}

for (
  const [window, increment, expected] of [
    [0, 1, 1],
    [windows.initial, 10, windows.initial + 10],
    [-5, 3, -2],
    [10, -15, -5],
    [windows.largest - 1, 1, windows.largest],
    [-1, windows.largest, windows.largest - 1],
    [windows.largest, 1, undefined],
    [1, windows.largest, undefined],
    [windows.largest, windows.largest, undefined],
  ] as const
) {
  Deno.test(`opened() makes ${expected} of a window of ${window} and ${increment} more`, () => {
    assert.equal(opened(window, increment), expected);
  });
}

Deno.test("ReceiveWindow.take() takes as much as was let in, and not a byte more", () => {
  const window = new ReceiveWindow();
  window.take(windows.connection - 1);
  window.take(0);
  window.take(1);
  window.take(0);
  assert.throws(() => window.take(1), isFlowControlError);
  assert.throws(() => new ReceiveWindow().take(windows.connection + 1), isFlowControlError);
});

Deno.test("ReceiveWindow.giveBack() opens it by a quarter at a time, and only then lets more in", () => {
  const window = new ReceiveWindow();
  const quarter = windows.connection / 4;
  window.take(windows.connection);
  assert.equal(window.giveBack(quarter - 1), 0);
  assert.equal(window.giveBack(0), 0);
  assert.equal(window.giveBack(1), quarter);
  window.take(quarter);
  assert.throws(() => window.take(1), isFlowControlError);
});

Deno.test("ReceiveWindow.giveBack() says what was owed so far, and begins anew", () => {
  const window = new ReceiveWindow();
  window.take(windows.connection);
  assert.equal(window.giveBack(100), 0);
  assert.equal(window.giveBack(windows.connection / 2), windows.connection / 2 + 100);
  assert.equal(window.giveBack(100), 0);
});

Deno.test("ReceiveWindow never lets a client in that keeps to what it is told short, nor more than there is", () => {
  const sizes = fc.array(fc.nat(windows.connection / 2), { maxLength: 30 });
  fc.assert(fc.property(sizes, (sizes) => {
    const window = new ReceiveWindow();
    let mayCome: number = windows.connection;
    for (const size of sizes) {
      const sent = Math.min(size, mayCome);
      window.take(sent);
      mayCome += window.giveBack(sent) - sent;
      assert.ok(mayCome <= windows.connection && mayCome > windows.connection / 2);
    }
    window.take(mayCome);
    assert.throws(() => window.take(1), isFlowControlError);
  }));
});

Deno.test("windows.connection has room for every stream that may be open, a quarter of it not given back yet", () => {
  assert.ok(0.75 * windows.connection >= maxStreams * windows.stream && windows.connection <= windows.largest);
});

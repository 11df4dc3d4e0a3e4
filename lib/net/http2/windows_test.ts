import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionError } from "./errors.ts";
import { opened, ReceiveWindow, windows } from "./windows.ts";

function isFlowControlError(thrown: unknown): boolean {
  return thrown instanceof ConnectionError && thrown.code === "FLOW_CONTROL_ERROR";
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

const quarter = windows.connection / 4;

Deno.test("ReceiveWindow.take() opens by a quarter at a time, and says once by how much", () => {
  const window = new ReceiveWindow();
  assert.equal(window.take(quarter - 1), 0);
  assert.equal(window.take(0), 0);
  assert.equal(window.take(1), quarter);
  assert.equal(window.take(100), 0);
  assert.equal(window.take(quarter), quarter + 100);
});

Deno.test("ReceiveWindow.take() takes as much as was let in, and not a byte more", () => {
  assert.equal(new ReceiveWindow().take(windows.connection), windows.connection);
  assert.throws(() => new ReceiveWindow().take(windows.connection + 1), isFlowControlError);
});

Deno.test("ReceiveWindow never lets a client in that keeps to what it is told short, nor more than there is", () => {
  const sizes = fc.array(fc.nat(windows.connection), { maxLength: 30 });
  fc.assert(fc.property(sizes, (sizes) => {
    const window = new ReceiveWindow();
    let mayCome: number = windows.connection;
    for (const size of sizes) {
      const sent = Math.min(size, mayCome);
      mayCome += window.take(sent) - sent;
      assert.ok(mayCome <= windows.connection && mayCome > windows.connection / 2);
    }
    assert.throws(() => window.take(mayCome + 1), isFlowControlError);
  }));
});

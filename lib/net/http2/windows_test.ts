import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionError } from "./errors.ts";
import { increased, ReceiveWindow, windows } from "./windows.ts";

function isFlowControlError(thrown: unknown): boolean {
  return thrown instanceof ConnectionError && thrown.code === "FLOW_CONTROL_ERROR";
}

for (
  const [window, increment, expected] of [
    [0, 1, 1],
    [windows.initial, 10, windows.initial + 10],
    [-5, 3, -2],
    [10, -15, -5],
    [windows.max - 1, 1, windows.max],
    [-1, windows.max, windows.max - 1],
    [windows.max, 1, undefined],
    [1, windows.max, undefined],
    [windows.max, windows.max, undefined],
  ] as const
) {
  Deno.test(`increased() returns ${expected} for a window of ${window} and an increment of ${increment}`, () => {
    assert.equal(increased(window, increment), expected);
  });
}

const quarter = windows.connection / 4;

Deno.test("ReceiveWindow.take() credits a quarter at a time, and returns each increment once", () => {
  const window = new ReceiveWindow();
  assert.equal(window.take(quarter - 1), 0);
  assert.equal(window.take(0), 0);
  assert.equal(window.take(1), quarter);
  assert.equal(window.take(100), 0);
  assert.equal(window.take(quarter), quarter + 100);
});

Deno.test("ReceiveWindow.take() permits exactly the size of the window", () => {
  assert.equal(new ReceiveWindow().take(windows.connection), windows.connection);
  assert.throws(() => new ReceiveWindow().take(windows.connection + 1), isFlowControlError);
});

Deno.test("ReceiveWindow never blocks a client that respects it, nor permits more than its size", () => {
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

import { equal } from "node:assert/strict";
import { timeoutOf } from "./timeout_header.ts";

Deno.test("timeoutOf() reads every unit of gRPC", () => {
  const timeouts = {
    "2H": 7_200_000,
    "1M": 60_000,
    "3S": 3000,
    "2999m": 2999,
    "2500000u": 2500,
    "99999999n": 99.999999,
  };
  for (const [value, ms] of Object.entries(timeouts)) equal(timeoutOf(value), ms, value);
});

Deno.test("timeoutOf() takes what gRPC does not have for no deadline", () => {
  for (const value of [undefined, "", "3", "S", "3s", "-3S", "3.5S", "123456789m", "3S ", "3 S", "0x3S", "٣S"]) {
    equal(timeoutOf(value), undefined, `${value}`);
  }
});

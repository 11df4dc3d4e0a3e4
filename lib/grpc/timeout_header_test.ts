import { deepEqual, equal } from "node:assert/strict";
import { Metadata } from "@grpc/grpc-js";
import { keepTimeout, timeoutOf } from "./timeout_header.ts";

function sent(value?: string): Metadata {
  const headers = {
    ":path": "/v2.KeyManagementService/Decrypt",
    ...(value === undefined ? {} : { "grpc-timeout": value }),
  };
  keepTimeout(headers);
  return Metadata.fromHttp2Headers(headers);
}

Deno.test("timeoutOf() reads every unit of gRPC", () => {
  const timeouts = {
    "2H": 7_200_000,
    "1M": 60_000,
    "3S": 3000,
    "2999m": 2999,
    "2500000u": 2500,
    "99999999n": 99.999999,
  };
  for (const [value, ms] of Object.entries(timeouts)) equal(timeoutOf(sent(value)), ms, value);
});

Deno.test("timeoutOf() takes what gRPC does not have for no deadline", () => {
  for (const value of [undefined, "", "3", "S", "3s", "-3S", "3.5S", "123456789m", "3S ", "3 S", "0x3S", "٣S"]) {
    equal(timeoutOf(sent(value)), undefined, `${value}`);
  }
});

Deno.test("keepTimeout() leaves grpc-js no deadline, and believes no client that sends the kept one itself", () => {
  deepEqual(sent("3S").get("grpc-timeout"), []);
  const headers = { "trousseau-timeout": "1m" };
  keepTimeout(headers);
  equal(timeoutOf(Metadata.fromHttp2Headers(headers)), undefined);
});

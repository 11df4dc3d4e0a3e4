import { deepEqual, equal, ok } from "node:assert/strict";
import { AnchoredLog } from "./anchored_log.ts";
import { createLogger, type LogLevel } from "./log.ts";

function logged(load?: ConstructorParameters<typeof AnchoredLog>[1], level: LogLevel = "info") {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line.slice(25).trimEnd());
  const inner = createLogger({ level, format: "text", colours: false, now: () => 0, write });
  return { lines, log: load === undefined ? new AnchoredLog(inner) : new AnchoredLog(inner, load) };
}

const refused = 'Cannot wrap with provider "v": 10.0.0.1:8200 refused the connection.';

Deno.test("AnchoredLog adds the anchor of a warning and of an error, and keeps the order", async () => {
  const { lines, log } = logged();
  log.log("info", refused);
  log.log("warn", refused, { provider: "v" });
  log.log("info", "Between.");
  log.log("error", "No sentence of the table.", { n: 1 });
  equal(lines.length, 1);
  await log[Symbol.asyncDispose]();
  log.log("warn", refused);
  deepEqual(lines.map((line) => line.replace(/anchor=network-\w{5}$/, "ANCHOR")), [
    `INFO  ${refused}`,
    `WARN  ${refused} provider=v ANCHOR`,
    "INFO  Between.",
    "ERROR No sentence of the table. n=1",
    `WARN  ${refused} ANCHOR`,
  ]);
});

Deno.test("AnchoredLog loads no table for entries that are not written, and for a log without failures", async () => {
  let loads = 0;
  const { lines, log } = logged(() => Promise.reject(new Error(`load ${++loads}`)), "error");
  log.log("warn", refused);
  log.log("info", refused);
  log.setLevel("info");
  log.log("info", refused);
  await log[Symbol.asyncDispose]();
  deepEqual([loads, lines.length, log.enabled("debug")], [0, 1, false]);
});

Deno.test("AnchoredLog writes every entry if the table cannot be loaded", async () => {
  const { lines, log } = logged(() => Promise.reject(new Error("gone")));
  log.log("warn", refused);
  await log[Symbol.asyncDispose]();
  log.log("error", refused);
  deepEqual(lines, [`WARN  ${refused}`, `ERROR ${refused}`]);
});

Deno.test("AnchoredLog keeps a bounded number of entries while the table is loaded", async () => {
  const loading = Promise.withResolvers<() => string>();
  const { lines, log } = logged(() => loading.promise);
  for (let n = 0; n < 1_500; n++) log.log("warn", `Entry ${n}.`);
  equal(lines.length, 1_000);
  loading.resolve(() => "x-1");
  await log[Symbol.asyncDispose]();
  equal(lines.length, 1_500);
  ok(lines.every((line, n) => line === `WARN  Entry ${n}.${n < 1_000 ? "" : " anchor=x-1"}`));
});

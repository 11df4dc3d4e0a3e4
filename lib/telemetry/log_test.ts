import assert from "node:assert/strict";
import fc from "fast-check";
import { anyText } from "../../tests/support/event_arbitraries.ts";
import { createLogger, type FieldValue, type LoggerOptions, type LogLevel } from "./log.ts";

const at = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
const every: readonly LogLevel[] = ["debug", "info", "warn", "error"];

function written(
  options: Partial<LoggerOptions>,
  use: (logger: ReturnType<typeof createLogger>) => void,
): readonly string[] {
  const lines: string[] = [];
  use(createLogger({
    level: "debug",
    format: "text",
    colours: false,
    now: () => at,
    write: (line) => void lines.push(line),
    ...options,
  }));
  return lines;
}

Deno.test("createLogger() writes text lines", () => {
  const lines = written({}, (logger) => {
    logger.log("warn", 'Provider "a" is sick.', {
      provider: "a",
      keyId: "t1-00",
      missing: ["b", "c"],
      waiting: 3,
      reason: "two words",
      empty: "",
      left: undefined,
    });
  });
  assert.deepEqual(lines, [
    '2030-01-02T03:04:05.678Z WARN  Provider "a" is sick. provider=a keyId=t1-00 missing=b,c waiting=3' +
    ' reason="two words" empty=""\n',
  ]);
});

Deno.test("createLogger() writes JSON lines", () => {
  const lines = written({ format: "json" }, (logger) => {
    logger.log("info", "Serving.", { uid: "1-2", ok: true, n: 1.5, nothing: Number.NaN, list: ["x"], left: undefined });
  });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [{
    time: "2030-01-02T03:04:05.678Z",
    level: "info",
    message: "Serving.",
    uid: "1-2",
    ok: true,
    n: 1.5,
    nothing: null,
    list: ["x"],
  }]);
});

Deno.test("createLogger() writes entries at its level or above, and enabled() reports the same", () => {
  for (const [index, level] of every.entries()) {
    const lines = written({ level, format: "json" }, (logger) => {
      for (const each of every) {
        assert.equal(logger.enabled(each), every.indexOf(each) >= index);
        logger.log(each, "x");
      }
    });
    assert.deepEqual(lines.map((line) => JSON.parse(line).level), every.slice(index));
  }
});

Deno.test("createLogger() colours only if the option is set", () => {
  const use = (logger: ReturnType<typeof createLogger>) => logger.log("error", "Broken.", { a: "b" });
  const [plain = ""] = written({ colours: false }, use);
  const [coloured = ""] = written({ colours: true }, use);
  const [json = ""] = written({ colours: true, format: "json" }, use);
  assert.ok(!plain.includes("\x1b") && !json.includes("\x1b"));
  assert.ok(coloured.includes("\x1b[31mERROR"));
  // deno-lint-ignore no-control-regex
  assert.equal(coloured.replace(/\x1b\[\d+m/g, ""), plain);
});

Deno.test("createLogger() writes any entry as one line", () => {
  const value: fc.Arbitrary<FieldValue> = fc.oneof(
    anyText,
    fc.array(anyText, { maxLength: 3 }),
    fc.double(),
    fc.boolean(),
  );
  fc.assert(
    fc.property(
      anyText,
      value,
      fc.constantFrom("json", "text"),
      (sentence, field, format) => {
        const [line = ""] = written({ format }, (logger) => logger.log("info", sentence, { field }));
        assert.match(line, /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*\n$/u);
        if (format === "json") assert.equal(JSON.parse(line).message, sentence);
      },
    ),
  );
});

import assert from "node:assert/strict";
import { areTrailers, bodyLength, type Field, fieldOf, requestHeaders } from "./fields.ts";

type Pair = readonly [name: string, value: string];

const method: Pair = [":method", "POST"];
const scheme: Pair = [":scheme", "http"];
const path: Pair = [":path", "/v2.KeyManagementService/Decrypt"];
const needed = [method, scheme, path];

function fieldsOf(pairs: readonly Pair[]): Field[] {
  return pairs.map(([name, value]) => fieldOf(name, value));
}

function request(...pairs: readonly Pair[]) {
  return requestHeaders(fieldsOf(pairs));
}

const well: readonly Pair[] = [
  ...needed,
  [":authority", "localhost"],
  ["content-type", "application/grpc"],
  ["!#$%&'*+-.^_`|~09az", "x"],
  ["empty", ""],
  ["inner-space", "a b\tc"],
  ["obs-text", "\x80\xff"],
  ["control", "\x01\x7f"],
  ["te", "trailers"],
  ["grpc-timeout-bin", "="],
];

const badly: readonly (readonly [why: string, ...Pair])[] = [
  ["an empty name", "", "x"],
  ["uppercase", "Content-Type", "x"],
  ["uppercase in a name of HTTP/2's own", ":Path", "/"],
  ["a space in a name", "a b", "x"],
  ["a space behind a name", "a ", "x"],
  ["a colon in a name", "a:b", "x"],
  ["a line feed in a name", "a\n", "x"],
  ["a zero in a name", "a\0", "x"],
  ["a name above 0x7f", "\xe9", "x"],
  ["DEL in a name", "a\x7f", "x"],
  ["a name that is only a colon", ":", "x"],
  ["an answer's status", ":status", "200"],
  ["an unknown name of HTTP/2's own", ":protocol", "x"],
  ["a space before a value", "a", " x"],
  ["a tab behind a value", "a", "x\t"],
  ["nothing but a space", "a", " "],
  ["a zero in a value", "a", "x\0y"],
  ["a line feed in a value", "a", "x\ny"],
  ["a line feed behind a value", "a", "x\n"],
  ["a carriage return in a value", "a", "x\ry"],
  ["a space before a path", ":path", " /"],
  ["connection", "connection", "close"],
  ["keep-alive", "keep-alive", "5"],
  ["proxy-connection", "proxy-connection", "close"],
  ["transfer-encoding", "transfer-encoding", "chunked"],
  ["upgrade", "upgrade", "h2c"],
  ["te: gzip", "te", "gzip"],
  ["te: trailers and more", "te", "trailers, gzip"],
  ["te: nothing", "te", ""],
];

for (const [name, value] of well) {
  Deno.test(`fieldOf() accepts ${JSON.stringify(name)}: ${JSON.stringify(value)}`, () => {
    assert.deepEqual(fieldOf(name, value), { name, value, wellFormed: true });
  });
}

for (const [why, name, value] of badly) {
  Deno.test(`fieldOf() marks ${why}, for which requests and trailers are rejected`, () => {
    assert.deepEqual(fieldOf(name, value), { name, value, wellFormed: false });
    assert.equal(request(...needed.filter((one) => one[0] !== name), [name, value]), undefined);
    assert.equal(request([name, value], ...needed.filter((one) => one[0] !== name)), undefined);
    assert.ok(!areTrailers(fieldsOf([["a", "b"], [name, value]])));
  });
}

Deno.test("requestHeaders() returns the method, the path and the first header of each name", () => {
  const headers = request(...needed, ["a", "1"], ["b", "2"], ["a", "3"]);
  assert.equal(headers?.method, "POST");
  assert.equal(headers?.path, path[1]);
  const names = ["a", "b", "A", "c", "__proto__"];
  assert.deepEqual(names.map((name) => headers.get(name)), ["1", "2", undefined, undefined, undefined]);
});

Deno.test("requestHeaders() accepts pseudo-header fields in any order, before all others and each once", () => {
  assert.ok(request(path, scheme, method));
  for (const one of needed) {
    const others = needed.filter((other) => other !== one);
    assert.ok(request(...others, one));
    assert.equal(request(...others), undefined, `without ${one[0]}`);
    assert.equal(request(...others, ["a", "b"], one), undefined, `${one[0]} behind another`);
    assert.equal(request(...needed, one), undefined, `${one[0]} twice`);
    assert.equal(request(one, ["a", "b"], ...others), undefined, `another in between`);
  }
  assert.equal(request(), undefined);
});

Deno.test("requestHeaders() rejects an empty path", () => {
  assert.equal(request(method, scheme, [":path", ""]), undefined);
});

Deno.test("requestHeaders() accepts any authority or none, but not two", () => {
  for (const authority of ["", "localhost", "%2Frun%2Fkms.sock", "/run/kms.sock", "unix:@abstract", "a b", "[::1]:0"]) {
    const headers = request(...needed, [":authority", authority]);
    assert.equal(headers?.get(":authority"), authority);
    assert.equal(request([":authority", authority], ...needed, [":authority", authority]), undefined);
  }
  assert.equal(request(...needed, ["a", "b"], [":authority", "x"]), undefined);
});

Deno.test("areTrailers() accepts all headers except pseudo-header fields", () => {
  assert.ok(areTrailers([]));
  assert.ok(areTrailers(fieldsOf([["a", "b"], ["te", "trailers"]])));
  for (const one of [...needed, [":authority", "x"]] as Pair[]) {
    assert.ok(!areTrailers(fieldsOf([one])));
    assert.ok(!areTrailers(fieldsOf([["a", "b"], one])));
  }
});

for (
  const [value, length] of [
    ["0", 0],
    ["5", 5],
    ["007", 7],
    ["999999999999999", 999_999_999_999_999],
    ["1000000000000000", NaN],
    ["", NaN],
    ["-1", NaN],
    ["+1", NaN],
    ["1.0", NaN],
    ["1e3", NaN],
    ["0x10", NaN],
    ["5, 5", NaN],
    ["five", NaN],
  ] as const
) {
  Deno.test(`bodyLength() reads "${value}" as ${length}`, () => {
    const headers = request(...needed, ["content-length", value]);
    assert.ok(headers !== undefined);
    assert.equal(bodyLength(headers), length);
  });
}

Deno.test("bodyLength() is undefined without content-length", () => {
  const headers = request(...needed);
  assert.ok(headers !== undefined);
  assert.equal(bodyLength(headers), undefined);
});

Deno.test("requestHeaders() rejects two lengths that differ, and accepts a repeated equal one", () => {
  const length = (value: string): Pair => ["content-length", value];
  assert.equal(request(...needed, length("5"), length("6")), undefined);
  assert.equal(request(...needed, length("5"), ["a", "b"], length("05")), undefined);
  assert.equal(request(...needed, length("5"), length("5"), length("6")), undefined);
  assert.equal(request(...needed, length(""), length("6")), undefined);
  assert.ok(request(...needed, length("5"), length("5")));
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseHead } from "./http_request.ts";

const head = (...lines: string[]) => lines.join("\r\n");

Deno.test("parseHead() parses the requests of kubelet, Prometheus and curl", () => {
  const text = head(
    "GET /readyz?verbose HTTP/1.1",
    "Host: 127.0.0.1:8090",
    "User-Agent: kube-probe/1.36",
    "Accept: */*",
    "Connection: close",
  );
  assert.deepEqual(parseHead(text), {
    method: "GET",
    target: "/readyz?verbose",
    host: "127.0.0.1:8090",
    accept: "*/*",
    keepAlive: false,
    hasBody: false,
  });
});

Deno.test("parseHead() determines keepAlive by RFC 9112", () => {
  const cases = [
    ["1.1", [], true],
    ["1.1", ["Connection: Close"], false],
    ["1.1", ["Connection: foo, close"], false],
    ["1.0", [], false],
    ["1.0", ["Connection: Keep-Alive"], true],
  ] as const;
  for (const [version, fields, expected] of cases) {
    const text = head(`GET / HTTP/${version}`, "Host: localhost", ...fields);
    assert.equal(parseHead(text)?.keepAlive, expected, text);
  }
});

Deno.test("parseHead() detects a body", () => {
  const cases = [
    [[], false],
    [["Content-Length: 0"], false],
    [["Content-Length: 5"], true],
    [["content-length: 0", "content-length: 5"], true],
    [["Transfer-Encoding: chunked"], true],
  ] as const;
  for (const [fields, expected] of cases) {
    assert.equal(parseHead(head("GET / HTTP/1.1", "Host: a", ...fields))?.hasBody, expected, fields.join());
  }
});

Deno.test("parseHead() refuses an invalid head of HTTP/1.x", () => {
  const refused = [
    "",
    "GET /",
    "GET / HTTP/2.0",
    "GET  / HTTP/1.1",
    "GET / HTTP/1.1 ",
    "GET /\u00e9 HTTP/1.1",
    head("GET / HTTP/1.1"),
    head("GET / HTTP/1.1", "Host: a", "Host: b"),
    head("GET / HTTP/1.1", "Host: user@127.0.0.1"),
    head("GET / HTTP/1.1", "Host: 127.0.0.1/evil"),
    head("GET / HTTP/1.1", "Host: a", " folded: b"),
    head("GET / HTTP/1.1", "Host: a", "Name : b"),
    head("GET / HTTP/1.1", "Host: a", "Name: \x00"),
    head("GET / HTTP/1.1", "Host: a", "no colon"),
    "GET / HTTP/1.1\nHost: a",
  ];
  for (const text of refused) assert.equal(parseHead(text), undefined, JSON.stringify(text));
});

Deno.test("parseHead() is total", () => {
  const unit = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  const line = fc.oneof(
    fc.array(unit, { maxLength: 40 }).map((units) => units.join("")),
    fc.constantFrom("GET / HTTP/1.1", "Host: a", "Accept: */*", ""),
  );
  fc.assert(fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
    const found = parseHead(lines.join("\r\n"));
    assert.ok(found === undefined || /^[\x21-\x7e]+$/.test(found.target));
  }));
});

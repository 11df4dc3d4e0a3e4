import { deepEqual, equal } from "node:assert/strict";
import { complaints, fakePath, loadFake, localProvider } from "../../tests/support/fake_files.ts";

/** A configuration with a local key and this `telemetry.traces`. */
function traces(text: string): string {
  return `telemetry: { traces: ${text} }\n${localProvider}`;
}

Deno.test("telemetry.traces is off if it is left out", async () => {
  equal((await loadFake(localProvider)).telemetry.traces, undefined);
});

Deno.test("telemetry.traces has an endpoint without a slash at its end, and records all calls", async () => {
  for (
    const [written, endpoint] of [
      ["https://Collector.example:4318/", "https://collector.example:4318"],
      ["https://collector.example/otlp/", "https://collector.example/otlp"],
      ["http://127.0.0.1:4318", "http://127.0.0.1:4318"],
      ["http://[::1]:4318", "http://[::1]:4318"],
    ] as const
  ) {
    const found = (await loadFake(traces(`{ endpoint: "${written}" }`))).telemetry.traces;
    deepEqual(found, { endpoint, headers: [], sampleRatio: 1, tls: {} });
  }
});

Deno.test("telemetry.traces takes headers from files, and a CA file", async () => {
  const text = traces(
    "{ endpoint: https://c.example, sampleRatio: 0.1, headers: [{ name: authorization, value: { file: token } }], " +
      "tls: { caFile: ca.pem } }",
  );
  const contents = { [fakePath]: text, "/etc/trousseau/token": "Bearer a", "/etc/trousseau/ca.pem": "" };
  const found = (await loadFake(text, contents)).telemetry.traces;
  deepEqual([found?.sampleRatio, found?.tls], [0.1, { caFile: "/etc/trousseau/ca.pem" }]);
  deepEqual(found?.headers.map(({ name, value }) => [name, value.description]), [
    ["authorization", "file /etc/trousseau/token"],
  ]);
});

const mistakes: readonly [criterion: string, text: string, lines: readonly string[]][] = [
  ["no endpoint", "{ sampleRatio: 1 }", ["1:14: telemetry.traces.endpoint: is missing"]],
  ["plain http to another machine", "{ endpoint: http://c.example:4318 }", [
    "1:24: telemetry.traces.endpoint: must begin with https://; plain http is taken for loopback addresses only",
  ]],
  ["a query", '{ endpoint: "https://c.example?a=b" }', [
    "1:24: telemetry.traces.endpoint: must be an address such as https://collector.example:4318, without a query",
  ]],
  ["a password in the address", '{ endpoint: "https://a:b@c.example" }', [
    "1:24: telemetry.traces.endpoint: must be an address such as https://collector.example:4318, without a query",
  ]],
  ["the path that is added", "{ endpoint: https://c.example/v1/traces }", [
    "1:24: telemetry.traces.endpoint: must not end in /v1/traces, which is added to it",
  ]],
  ["a share above 1", "{ endpoint: https://c.example, sampleRatio: 10 }", [
    "1:53: telemetry.traces.sampleRatio: must be a number from 0 to 1",
  ]],
  [
    "a secret in the file",
    "{ endpoint: https://c.example, headers: [{ name: authorization, value: Bearer }] }",
    [
      "1:86: telemetry.traces.headers[0].value: must not stand in the config; put it into a file and write " +
      "{ file: PATH }, or into a variable and write { variable: NAME }",
    ],
  ],
  [
    "headers of its own, and one twice",
    "{ endpoint: https://c.example, headers: [{ name: host, value: { file: token } }, { name: a, value: { file: token } }, " +
    "{ name: a, value: { file: token } }] }",
    [
      "1:65: telemetry.traces.headers[0].name: is a header that Trousseau writes itself",
      "1:142: telemetry.traces.headers[2].name: stands in the list twice",
    ],
  ],
];

for (const [criterion, text, lines] of mistakes) {
  Deno.test(`telemetry.traces reports ${criterion}`, async () => {
    deepEqual(await complaints(traces(text)), lines);
  });
}

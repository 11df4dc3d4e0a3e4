import { equal, throws } from "node:assert/strict";
import { socketPath } from "./socket_path.ts";

Deno.test("socketPath() is absolute, for a path and for an endpoint", () => {
  equal(socketPath("unix:///run/x"), "/run/x");
  equal(socketPath("unix:/run/x"), "/run/x");
  equal(socketPath("/run/x"), "/run/x");
  equal(socketPath("x.sock"), `${Deno.cwd()}/x.sock`);
});

Deno.test("socketPath() refuses an address that is not a path, and names the right form", () => {
  const cases = {
    "tcp://127.0.0.1:8090":
      /^UsageError: "tcp:\/\/127\.0\.0\.1:8090" is no Unix socket, .*; write a path, or unix:\/\/ and/,
    "http://localhost": /is no Unix socket/,
    "@x": /is an abstract socket/,
    "unix:@x": /is an abstract socket/,
    "unix:x": /names no socket; write unix:\/\/ and an absolute path/,
    [`/${"x".repeat(107)}`]: /at most 107 bytes/,
  };
  for (const [text, sentence] of Object.entries(cases)) throws(() => socketPath(text), sentence);
});

import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../../../base/errors.ts";
import { serverAddress } from "./address.ts";

Deno.test("serverAddress() reads sockets and hosts, with the keyring's port where there is none", () => {
  deepEqual(serverAddress("unix:///run/a b.sock", "x"), {
    kind: "socket",
    path: "/run/a b.sock",
    text: "unix:///run/a b.sock",
  });
  const cases = [
    ["https://keyring.example", "keyring.example", 8300],
    ["https://keyring.example:443", "keyring.example", 443],
    ["https://Keyring.example:9/", "keyring.example", 9],
    ["https://127.0.0.1:8300", "127.0.0.1", 8300],
    ["https://[::1]:1", "::1", 1],
  ] as const;
  for (const [text, host, port] of cases) {
    const found = serverAddress(text, "x");
    deepEqual(found.kind === "tls" && [found.host, found.port], [host, port]);
    deepEqual(serverAddress(found.text, "x"), found, text);
  }
});

Deno.test("serverAddress() refuses everything else, and names the reason", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /neither/],
    ["http://x", /plain HTTP/],
    ["HTTP://x", /plain HTTP/],
    ["unix://run/a.sock", /absolute path/],
    ["unix:///a\u0000", /control character/],
    ["https://", /neither/],
    ["https://user:pw@x", /user or a password/],
    ["https://x/api", /something after the port/],
    ["https://x?a=b", /something after the port/],
    ["https://x:70000", /neither/],
    ["ftp://x", /neither/],
    ["/run/a.sock", /neither/],
  ];
  for (const [text, why] of cases) throws(() => serverAddress(text, "CLECTL_ADDRESS"), why, text);
});

Deno.test("serverAddress() is total: an address or a KmsError of the configuration", () => {
  const starts = ["", "unix://", "https://", "https://["];
  fc.assert(fc.property(fc.constantFrom(...starts), fc.string({ unit: "binary" }), (start, rest) => {
    try {
      serverAddress(start + rest, "x");
    } catch (thrown) {
      equal(thrown instanceof KmsError && thrown.code, "config");
    }
  }));
});

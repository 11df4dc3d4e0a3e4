import { deepEqual, equal, match } from "node:assert/strict";
import fc from "fast-check";
import { complaints, loadFake, localProvider, pluginProvider } from "../../tests/support/fake_files.ts";
import { pathOfEndpoint, readSocket } from "./socket_path.ts";

const good: Readonly<Record<string, string>> = {
  "/run/x/kms.sock": "/run/x/kms.sock",
  "kms.sock": "kms.sock",
  "./@x": "./@x",
  "/run/@x": "/run/@x",
  "%40x": "%40x",
  "/run/a%2fb": "/run/a%2fb",
  "/run/a:b": "/run/a:b",
  "unix:///run/x/kms.sock": "/run/x/kms.sock",
  "unix:/run/x/kms.sock": "/run/x/kms.sock",
  "UNIX:///run/x": "/run/x",
  "unix:///run/a%20b": "/run/a b",
  "unix:///run/a%3Fb": "/run/a?b",
};

Deno.test("readSocket() returns a path unchanged, and the path of an endpoint", () => {
  for (const [text, path] of Object.entries(good)) deepEqual(readSocket(text), { path }, text);
});

const abstract = ["@x", "/@x", "unix:@x", "unix://@x", "unix:/@x", "unix:///@x", "unix:///%40x", "unix-abstract:x"];
const none = ["unix:", "unix://", "unix:x", "unix://run/x", "unix:////run/x", "unix:///run/", "unix:///run/%zz"];
const cut = ["unix:///run/x?y", "unix:///run/x#y"];
const other = ["tcp://127.0.0.1:2379", "http://localhost/x", "https://x", "vsock://3:1", "dns:///x", "file:///run/x"];

Deno.test("readSocket() refuses abstract sockets, endpoints without an absolute path, and other addresses", () => {
  const said = (text: string) => {
    const read = readSocket(text);
    return "complaint" in read ? read.complaint : `${text} was taken`;
  };
  for (const text of abstract) match(said(text), /^is an abstract socket, .*; write a path such as /);
  for (const text of [...none, ...cut]) match(said(text), /^names no socket; write unix:\/\/ and an absolute path/);
  for (const text of other) match(said(text), /^is no Unix socket, .*; write a path/);
});

Deno.test("pathOfEndpoint() is an absolute path that names no abstract socket, or undefined", () => {
  for (const text of [...abstract, ...none, ...cut, ...other, "/run/x"]) equal(pathOfEndpoint(text), undefined, text);
  const text = fc.array(fc.constantFrom("unix:", "/", "//", "@", "%40", "%2f", "a", "?", "..", "%"), { maxLength: 6 });
  fc.assert(fc.property(text, (parts) => {
    const path = pathOfEndpoint(`unix:${parts.join("")}`);
    if (path !== undefined) match(path, /^\/[^/@].*[^/]$|^\/[^/@]$/s);
  }));
});

Deno.test("both sockets of a config can be written as endpoints", async () => {
  const text = `socket: { path: unix:///run/t/kms.sock }\nsops: { socket: { path: unix:///run/s/sops.sock } }\n`;
  const config = await loadFake(text + localProvider);
  deepEqual([config.socket.path, config.sops.socket.path], ["/run/t/kms.sock", "/run/s/sops.sock"]);
  const beside = await loadFake(`socket: { path: unix:///run/t/kms.sock }\n${localProvider}`);
  equal(beside.sops.socket.path, "/run/t/sops.sock");
});

for (const field of ["socket", "sops.socket"] as const) {
  const config = (path: string) =>
    (field === "socket" ? `socket: { path: "${path}" }\n` : `sops: { socket: { path: "${path}" } }\n`) + localProvider;
  Deno.test(`a config's ${field}.path is refused if it is not a path`, async () => {
    for (const path of [...abstract, ...none, ...cut, ...other]) {
      const found = await complaints(config(path));
      equal(found.length, 1, path);
      match(found[0] ?? "", new RegExp(`${field}\\.path: (is an abstract|names no|is no Unix) `), path);
    }
  });
}

Deno.test("a plugin's socket that is abstract is refused by its name", async () => {
  for (const path of ["unix:///@hsm", "unix:///%40hsm"]) {
    match(
      (await complaints(pluginProvider(path)))[0] ?? "",
      /socket: is an abstract socket, .*; give the plugin a path/,
    );
  }
});

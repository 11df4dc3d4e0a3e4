import { deepEqual, equal } from "node:assert/strict";
import { complaints, loadFake, pluginProvider } from "../../../tests/support/fake_files.ts";

const socket = "/run/hsm/kms.sock";

Deno.test("kmsPluginSettings() accepts a socket below the permitted folders, whether it exists or not", async () => {
  for (const path of [socket, "/var/run/hsm.sock", "/var/lib/trousseau/hsm.sock"]) {
    const { providers } = await loadFake(pluginProvider(`unix://${path}`));
    deepEqual(providers[0]?.settings, { kind: "kms-plugin", name: "hsm", socket: path });
  }
  // A path is used unchanged, and an endpoint is parsed as a URL.
  for (const path of [socket, "/run/a%20b.sock"]) {
    const { providers } = await loadFake(pluginProvider(path));
    deepEqual(providers[0]?.settings, { kind: "kms-plugin", name: "hsm", socket: path });
  }
  const { providers } = await loadFake(pluginProvider("unix:///run/a%20b/../kms.sock"));
  deepEqual(providers[0]?.settings, { kind: "kms-plugin", name: "hsm", socket: "/run/kms.sock" });
});

const notAbsolute =
  "4:5: providers[0].socket: must be the absolute path of a socket, as in /run/hsm/kms.sock or unix:///run/hsm/kms.sock";

for (
  const written of [
    "run/hsm/kms.sock",
    "//run/hsm",
    "/run/",
    "tcp://127.0.0.1:1",
    "unix:run/hsm",
    "unix://run/hsm",
    "unix:////run/hsm",
    "unix:///run/",
    "unix:///run/%zz",
    "3",
  ]
) {
  Deno.test(`kmsPluginSettings() refuses the socket ${written}`, async () => {
    deepEqual(await complaints(pluginProvider(written)), [notAbsolute]);
  });
}

Deno.test("kmsPluginSettings() reports the permitted folders, and the maximum length of the path", async () => {
  deepEqual(await complaints(pluginProvider("unix:///opt/hsm/kms.sock")), [
    "4:5: providers[0].socket: /opt/hsm/kms.sock is not where Trousseau is permitted to reach a socket " +
    "(/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)",
  ]);
  equal((await complaints(pluginProvider(`unix:///run/${"x".repeat(102)}`))).length, 0);
  deepEqual(await complaints(pluginProvider(`unix:///run/${"x".repeat(103)}`)), [
    "4:5: providers[0].socket: has more than 107 bytes, all that a socket's path can have",
  ]);
});

const own = "/run/trousseau/kms.sock";
const loop = (path: string) =>
  `4:5: providers[0].socket: ${path} is the socket that this plugin serves itself: it would wait for itself for ever`;

Deno.test("a plugin that is its own KMS is refused, by its path and by every other path to its socket", async () => {
  deepEqual(await complaints(pluginProvider(`unix://${own}`)), [loop(own)]);
  deepEqual(await complaints(pluginProvider(`unix:///run/x/..${own.slice(4)}`)), [loop(own)]);
  const linked = { identities: { [own]: "1:7", [socket]: "1:7" } };
  deepEqual(await complaints(pluginProvider(`unix://${socket}`), {}, linked), [loop(socket)]);
  // No process serves there yet, so that no socket can be compared: /var/run is /run.
  const other = "/var/run/trousseau/kms.sock";
  const folders = { identities: { "/run/trousseau": "1:8", "/var/run/trousseau": "1:8" } };
  deepEqual(await complaints(pluginProvider(`unix://${other}`), {}, folders), [loop(other)]);
  const apart = { identities: { "/run/trousseau": "1:8", "/run/hsm": "1:9", [own]: "1:10", [socket]: "1:11" } };
  deepEqual(await complaints(pluginProvider(`unix://${socket}`), {}, apart), []);
  const retired = `retired: [{ kind: kms-plugin, name: old, socket: "unix://${own}" }]\n`;
  const found = await complaints(pluginProvider(`unix://${socket}`) + retired);
  equal(found.length, 1);
  equal(found[0]?.includes("retired[0].socket"), true);
});

Deno.test("a plugin that is configured twice is refused", async () => {
  const twice = pluginProvider(`unix://${socket}`) + `  - { kind: kms-plugin, name: b, socket: "unix://${socket}" }\n`;
  deepEqual(await complaints(twice), [
    "5:34: providers[1].socket: is the socket of providers[0] too; one plugin twice is no quorum",
  ]);
});

Deno.test("more plugins than fit into kube-apiserver's annotations are refused", async () => {
  const list = (count: number) =>
    `providers:\n${
      Array.from(
        { length: count },
        (_, i) => `  - { kind: kms-plugin, name: p${i}, socket: "unix:///run/${i}.sock" }\n`,
      )
        .join("")
    }`;
  deepEqual(await complaints(list(7)), []);
  equal((await complaints(list(8)))[0]?.includes("could need"), true);
});

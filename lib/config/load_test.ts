import assert from "node:assert/strict";
import { environmentFrom } from "./environment.ts";
import { complaints, fakeFiles, fakePath, loadFake, localProvider } from "../../tests/support/fake_files.ts";
import { loadConfig } from "./load.ts";

const nothing = environmentFrom(() => undefined);

const defaultKeyring = {
  store: { kind: "embedded", folder: "/var/lib/trousseaud/store" },
  isWritten: false,
  state: "/var/lib/trousseaud",
  adminSocket: { path: "/run/trousseaud/admin/admin.sock", mode: 0o600, owner: undefined, group: undefined },
  sockets: [],
  listen: { hostname: "127.0.0.1", port: 8300 },
  tls: { names: [], files: undefined },
  issuers: [],
  audit: "/var/lib/trousseaud/audit.jsonl",
  auditFailure: "refuse",
  metrics: undefined,
  kvMount: "secret",
};

Deno.test("loadConfig() fills in every default", async () => {
  const { hash, ...config } = await loadFake(localProvider);
  assert.match(hash ?? "", /^[0-9a-f]{16}$/);
  assert.deepEqual(config, {
    file: fakePath,
    socket: { path: "/run/trousseau/kms.sock", mode: 0o600, owner: undefined, group: undefined },
    state: "/var/lib/trousseau",
    kms: { v1beta1: true, reportVersion: "v2" },
    keyEpoch: 0,
    wrap: 1,
    unwrap: "fastest",
    cache: { entries: 4096, maxAgeMs: 600_000, graceOnOutageMs: 86_400_000, lifetimeMs: 604_800_000 },
    readyDek: { maxAgeMs: 3_600_000 },
    outage: { policy: "keepWriting", afterMs: 600_000 },
    probe: { intervalMs: 75_000 },
    drainMs: 10_000,
    telemetry: {
      listen: { hostname: "127.0.0.1", port: 8090 },
      log: { level: "info", format: "text" },
      audit: "stdout",
    },
    providers: [{
      name: "local",
      formerly: [],
      settings: { kind: "local", name: "local", keyFile: "/etc/trousseau/local.keys", create: false },
    }],
    retired: [],
    forgotten: [],
    readForeign: [],
    sops: {
      socket: { path: "/run/trousseau/sops.sock", mode: 0o600, owner: undefined, group: undefined },
      listen: undefined,
      audit: "stdout",
      decryptOnly: false,
      keys: [{ name: "default", providers: ["local"], wrap: 1 }],
    },
    keyring: defaultKeyring,
  });
});

Deno.test("loadConfig() reads every field", async () => {
  const { hash: _, ...config } = await loadFake(`
socket: { path: /run/kms/kms.sock, mode: "0660", owner: kms, group: 997 }
state: /var/lib/trousseau/a
kms: { v1beta1: false, reportVersion: v2beta1 }
keyEpoch: 7
wrap: all
unwrap: ordered
cache: { entries: 16, maxAge: 0s, graceOnOutage: 0s, lifetime: 36h }
readyDek: { maxAge: 30m }
outage: { policy: failClosed, after: 1m }
probe: { interval: 1500ms }
drain: 0s
telemetry: { listen: "[::1]:0", log: { level: debug, format: json }, audit: /var/lib/trousseau/audit.log }
providers:
  - { kind: local, name: a, formerly: [b, c], keyFile: ../trousseau/local.keys }
  - { kind: local, name: d, keyFile: /var/lib/trousseau/d.keys, create: true }
retired:
  - { kind: local, name: e, formerly: [f], keyFile: token }
forgotten: [g, h]
sops:
  socket: { path: /run/sops/s.sock, mode: "0660", owner: 7, group: 997 }
  listen: 127.0.0.1:8091
  audit: /var/lib/trousseau/sops.log
  decryptOnly: true
  keys: [{ name: apps, providers: [d], wrap: any }, { name: default }]
`);
  assert.deepEqual(config, {
    file: fakePath,
    socket: { path: "/run/kms/kms.sock", mode: 0o660, owner: 998, group: 997 },
    state: "/var/lib/trousseau/a",
    kms: { v1beta1: false, reportVersion: "v2beta1" },
    keyEpoch: 7,
    wrap: "all",
    unwrap: "ordered",
    cache: { entries: 16, maxAgeMs: 0, graceOnOutageMs: 0, lifetimeMs: 129_600_000 },
    readyDek: { maxAgeMs: 1_800_000 },
    outage: { policy: "failClosed", afterMs: 60_000 },
    probe: { intervalMs: 1500 },
    drainMs: 0,
    telemetry: {
      listen: { hostname: "::1", port: 0 },
      log: { level: "debug", format: "json" },
      audit: "/var/lib/trousseau/audit.log",
    },
    providers: [
      {
        name: "a",
        formerly: ["b", "c"],
        settings: { kind: "local", name: "a", keyFile: "/etc/trousseau/local.keys", create: false },
      },
      {
        name: "d",
        formerly: [],
        settings: { kind: "local", name: "d", keyFile: "/var/lib/trousseau/d.keys", create: true },
      },
    ],
    retired: [{
      name: "e",
      formerly: ["f"],
      settings: { kind: "local", name: "e", keyFile: "/etc/trousseau/token", create: false },
    }],
    forgotten: ["g", "h"],
    readForeign: [],
    sops: {
      socket: { path: "/run/sops/s.sock", mode: 0o660, owner: 7, group: 997 },
      listen: { hostname: "127.0.0.1", port: 8091 },
      audit: "/var/lib/trousseau/sops.log",
      decryptOnly: true,
      keys: [
        { name: "apps", providers: ["d"], wrap: "any" },
        { name: "default", providers: ["a", "d"], wrap: "all" },
      ],
    },
    keyring: defaultKeyring,
  });
});

Deno.test("loadConfig() begins each line with the path in its original form", async () => {
  const files = fakeFiles({ contents: { "trousseau.yaml": "providers: []\nsokcet: {}\n" } });
  await assert.rejects(loadConfig("trousseau.yaml", nothing, files), {
    code: "config",
    message: [
      "trousseau.yaml:1:1: providers: is empty; a config has 1 to 8 providers",
      'trousseau.yaml:2:1: sokcet: unknown key; did you mean "socket"?',
    ].join("\n"),
  });
});

Deno.test("loadConfig() refuses a file that cannot be read as a config", async () => {
  const load = (contents: Record<string, string | Uint8Array>, kinds = {}) =>
    loadConfig("c.yaml", nothing, fakeFiles({ contents, kinds }));
  const message = (why: string) => ({ code: "config", message: `Cannot read the config file c.yaml: ${why}.` });
  await assert.rejects(load({}), message("there is no such file"));
  await assert.rejects(load({}, { "c.yaml": "folder" }), message("it is a folder"));
  await assert.rejects(
    load({}, { "c.yaml": "forbidden" }),
    message("this user may not read it; run this as a user who may, for instance root"),
  );
  await assert.rejects(load({ "c.yaml": Uint8Array.of(0xff) }), message("it is not UTF-8 text"));
  await assert.rejects(load({ "c.yaml": "#".repeat(262_145) }), message("it is larger than 256 KiB"));
});

Deno.test("loadConfig() follows anchors, and reports the place where a wrong one is used", async () => {
  const shared = (tls: string) =>
    `providers:
  - { kind: vault-transit, name: a, address: "https://a", key: k, auth: &login { method: token, token: { file: token } } }
  - { kind: vault-transit, name: b, address: "https://b", key: k, auth: *login, tls: ${tls} }
`;
  assert.deepEqual(await complaints(shared("{ caFile: ca.pem }")), []);
  assert.deepEqual(await complaints(shared("*login")), [
    "2:82: providers[1].tls.method: unknown key; known here: caFile, serverName, certificateFile, keyFile",
    "2:97: providers[1].tls.token: unknown key; known here: caFile, serverName, certificateFile, keyFile",
  ]);
});

Deno.test("loadConfig() uses the state folder of systemd if the config names none", async () => {
  const variables = { STATE_DIRECTORY: "/var/lib/trousseau/one:/var/lib/trousseau/two" };
  assert.equal((await loadFake(localProvider, variables)).state, "/var/lib/trousseau/one");
  assert.equal((await loadFake(`state: /run/s\n${localProvider}`, variables)).state, "/run/s");
});

Deno.test("loadConfig() requires two wraps by default if there are two providers", async () => {
  const two = `providers:
  - { kind: local, name: a, keyFile: local.keys }
  - { kind: local, name: b, keyFile: token }
`;
  assert.equal((await loadFake(two)).wrap, 2);
  assert.equal((await loadFake(`wrap: any\n${two}`)).wrap, "any");
});

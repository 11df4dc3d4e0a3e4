import { deepEqual, equal } from "node:assert/strict";
import { complaints, loadFake, localProvider } from "../../tests/support/fake_files.ts";

const mistakes: readonly [criterion: string, text: string, lines: readonly string[]][] = [
  ["an unknown field", "keyring: { stor: /run/k }", ['2:12: keyring.stor: unknown key; did you mean "store"?']],
  ["two stores", "keyring: { store: /run/k, etcd: { endpoints: [https://e:2379] } }", [
    "2:12: keyring.store: stands beside etcd; a keyring has one store",
  ]],
  ["an address without a port", "keyring: { listen: localhost }", [
    "2:12: keyring.listen: must be an address and a port such as 127.0.0.1:8300, or none",
  ]],
  ["a store where nothing may be written", "keyring: { store: /srv/k }", [
    "2:12: keyring.store: /srv/k is not where Trousseau is permitted to write " +
    "(/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)",
  ]],
  ["an admin socket that is none", "keyring: { adminSocket: tcp://localhost:1 }", [
    "2:12: keyring.adminSocket: is no Unix socket, and nothing else is served; write a path, or unix:// and an absolute path",
  ]],
  ["half a certificate", "keyring: { tls: { keyFile: token } }", [
    "2:19: keyring.tls.keyFile: needs the other one of the pair",
  ]],
  ["half a login to etcd", "keyring: { etcd: { endpoints: [https://e:2379], username: u } }", [
    "2:49: keyring.etcd.username: needs the other one of the pair",
  ]],
  ["a socket with the administrator's name", "keyring: { sockets: [{ name: admin }] }", [
    "2:24: keyring.sockets[0].name: is the name of adminSocket; take another one",
  ]],
  ["a socket's name twice", "keyring: { sockets: [{ name: a }, { name: a }] }", [
    "2:37: keyring.sockets[1].name: duplicate name",
  ]],
  [
    "a cluster without a token, and a field of the other kind",
    "keyring: { issuers: [{ name: c, kind: kubernetes, url: https://c:6443, audience: t, jwksFile: token }] }",
    [
      "2:22: keyring.issuers[0].token: is missing",
      "2:85: keyring.issuers[0].jwksFile: is no field of an issuer of kind kubernetes",
    ],
  ],
  [
    "keys by plain HTTP, and a lifetime of more than a day",
    "keyring: { issuers: [{ name: o, kind: oidc, url: https://o, audience: t, jwksUrl: http://o/k, maxLifetime: 25h }] }",
    [
      "2:74: keyring.issuers[0].jwksUrl: must begin with https://",
      "2:95: keyring.issuers[0].maxLifetime: must be from 1m to 1d",
    ],
  ],
  [
    "an algorithm with a shared key",
    "keyring: { issuers: [{ name: o, kind: oidc, url: https://o, audience: t, algorithms: [HS256] }] }",
    [
      "2:87: keyring.issuers[0].algorithms[0]: must be RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or " +
      'EdDSA; did you mean "RS256"?',
    ],
  ],
  [
    "keys from two places",
    "keyring: { issuers: [{ name: o, kind: oidc, url: https://o, audience: t, jwksUrl: https://o/k, jwksFile: token }] }",
    ["2:74: keyring.issuers[0].jwksUrl: stands beside jwksFile; the keys come from one place"],
  ],
];

for (const [criterion, text, lines] of mistakes) {
  Deno.test(`keyring reports ${criterion}`, async () => {
    deepEqual(await complaints(`${localProvider}${text}\n`), lines);
  });
}

Deno.test("keyring reads every field", async () => {
  const { keyring } = await loadFake(`${localProvider}keyring:
  store: /run/k/store
  adminSocket: unix:///run/k/admin/admin.sock
  sockets: [{ name: backup, group: 997 }, { name: web, path: /run/k/web.sock }]
  listen: none
  tls: { names: [keyring.example.com], certificateFile: token, keyFile: token }
  issuers:
    - { name: c, kind: kubernetes, url: https://c:6443, audience: t, token: { file: token } }
    - { name: o, kind: oidc, url: https://o, audience: t, issuer: https://o/x, jwksFile: token, caFile: token }
    - { name: p, kind: oidc, url: https://p, audience: t, jwksUrl: https://p/k, algorithms: [EdDSA], maxLifetime: 2h }
  audit: /run/k/audit.jsonl
  auditFailure: continue
  metrics: 127.0.0.1:8301
  kvMount: kv
`);
  deepEqual(keyring.store, { kind: "embedded", folder: "/run/k/store" });
  equal(keyring.state, "/run/k/store");
  equal(keyring.adminSocket.path, "/run/k/admin/admin.sock");
  equal(keyring.adminSocket.mode, 0o600);
  deepEqual(keyring.sockets.map(({ name, socket: { path, mode, group } }) => [name, path, mode, group]), [
    ["backup", "/run/k/clients/backup/keyring.sock", 0o660, 997],
    ["web", "/run/k/web.sock", 0o660, undefined],
  ]);
  equal(keyring.listen, undefined);
  deepEqual(keyring.tls, {
    names: ["keyring.example.com"],
    files: { certificateFile: "/etc/trousseau/token", keyFile: "/etc/trousseau/token" },
  });
  deepEqual(keyring.issuers.map(({ kind, issuer, jwksFile }) => [kind, issuer, jwksFile]), [
    ["kubernetes", undefined, undefined],
    ["oidc", "https://o/x", "/etc/trousseau/token"],
    ["oidc", undefined, undefined],
  ]);
  deepEqual(keyring.issuers.map(({ jwksUrl, algorithms, maxLifetimeMs }) => [jwksUrl, algorithms, maxLifetimeMs]), [
    [undefined, ["RS256", "ES256"], 3_600_000],
    [undefined, ["RS256", "ES256"], 3_600_000],
    ["https://p/k", ["EdDSA"], 7_200_000],
  ]);
  equal(keyring.audit, "/run/k/audit.jsonl");
  equal(keyring.auditFailure, "continue");
  deepEqual(keyring.metrics, { hostname: "127.0.0.1", port: 8301 });
  equal(keyring.kvMount, "kv");
});

Deno.test("keyring reads an etcd, and keeps the server's files in the folder of state", async () => {
  const { keyring } = await loadFake(`${localProvider}keyring:
  state: /var/lib/trousseaud/a
  etcd:
    endpoints: [https://etcd-1:2379, https://etcd-2:2379]
    caFile: token
    certificateFile: token
    keyFile: token
    username: keyring
    password: { file: token }
`);
  equal(keyring.store.kind, "etcd");
  equal(keyring.audit, "/var/lib/trousseaud/a/audit.jsonl");
  equal(keyring.store.kind === "etcd" && keyring.store.prefix, "/trousseau/");
});

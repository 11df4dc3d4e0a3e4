import assert from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../errors.ts";
import { environmentFrom } from "./environment.ts";
import {
  complaints,
  fakeFiles,
  fakePath,
  loadFake,
  localProvider,
  vaultProvider,
} from "../../tests/support/fake_files.ts";
import { loadConfig } from "./load.ts";

const nothing = environmentFrom(() => undefined);

Deno.test("loadConfig() fills in every default", async () => {
  const config = await loadFake(localProvider);
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
  });
});

Deno.test("loadConfig() takes every field", async () => {
  const config = await loadFake(`
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
  });
});

Deno.test("loadConfig() begins each line with the path as it was given", async () => {
  const files = fakeFiles({ contents: { "trousseau.yaml": "providers: []\nsokcet: {}\n" } });
  await assert.rejects(loadConfig("trousseau.yaml", nothing, files), {
    code: "config",
    message: [
      "trousseau.yaml:1:1: providers: is empty; a config has 1 to 8 providers",
      'trousseau.yaml:2:1: sokcet: unknown key; did you mean "socket"?',
    ].join("\n"),
  });
});

Deno.test("loadConfig() refuses a file that cannot be read as a config at all", async () => {
  const load = (contents: Record<string, string | Uint8Array>, kinds = {}) =>
    loadConfig("c.yaml", nothing, fakeFiles({ contents, kinds }));
  const message = (why: string) => ({ code: "config", message: `Cannot read the config file c.yaml: ${why}.` });
  await assert.rejects(load({}), message("there is no such file"));
  await assert.rejects(load({}, { "c.yaml": "folder" }), message("it is a folder"));
  await assert.rejects(load({ "c.yaml": Uint8Array.of(0xff) }), message("it is not UTF-8 text"));
  await assert.rejects(load({ "c.yaml": "#".repeat(262_145) }), message("it is larger than 256 KiB"));
});

const kinds = "aws-kms, azure-key-vault, gcp-kms, kms-plugin, local or vault-transit";
const noProviders = "is missing; a config has 1 to 8 providers";
const nine = Array.from({ length: 9 }, (_, index) => `{ kind: local, name: n${index}, keyFile: local.keys }`);

/** One mistake each: what is written and every line that it gets. */
const mistakes: readonly (readonly [criterion: string, config: string, lines: readonly string[]])[] = [
  ["an empty file", "", [`1:1: providers: ${noProviders}`]],
  ["a file that is no mapping", "- a\n", ["1:1: must be a mapping"]],
  ["no provider", "keyEpoch: 1\n", [`1:1: providers: ${noProviders}`]],
  ["providers without a value", "providers:\n", [`1:1: providers: ${noProviders}`]],
  ["an empty list of providers", "providers: []\n", ["1:1: providers: is empty; a config has 1 to 8 providers"]],
  ["providers that are no list", "providers: {}\n", ["1:1: providers: must be a list of providers"]],
  ["nine providers", `providers: [${nine}]\n`, [
    "1:1: providers: has too many; a config has 1 to 8 providers",
  ]],
  ["a provider that is no mapping", "providers: [local]\n", ["1:13: providers[0]: must be a mapping"]],
  ["an unknown key at the root", `wrapp: 1\n${localProvider}`, ['1:1: wrapp: unknown key; did you mean "wrap"?']],
  ["an unknown key near none", `telemetry: { log: { colour: red } }\n${localProvider}`, [
    "1:21: telemetry.log.colour: unknown key; known here: level, format",
  ]],
  ["an unknown key of a provider", "providers:\n  - name: a\n    kind: local\n    keyfile: local.keys\n", [
    "2:5: providers[0].keyFile: is missing",
    '4:5: providers[0].keyfile: unknown key; did you mean "keyFile"?',
  ]],
  ["__proto__ as a key", `__proto__: { wrap: 1 }\n${localProvider}`, [
    "1:1: unknown key; known here: socket, state, kms, keyEpoch, wrap, unwrap, cache, readyDek, outage, probe, drain, " +
    "telemetry, providers, retired, forgotten, readForeign, sops",
  ]],
  ["a merge key", `<<: { wrap: 1 }\n${localProvider}`, [
    "1:1: unknown key; known here: socket, state, kms, keyEpoch, wrap, unwrap, cache, readyDek, outage, probe, drain, " +
    "telemetry, providers, retired, forgotten, readForeign, sops",
  ]],
  ["an unknown kind", "providers:\n  - { name: a, kind: vault }\n", [
    `2:16: providers[0].kind: must be ${kinds}; did you mean "vault-transit"?`,
  ]],
  ["a kind that is missing", "providers:\n  - { name: a }\n", [
    `2:5: providers[0].kind: is missing; it is ${kinds}`,
  ]],
  ["a kind without a value", "providers:\n  - { name: a, kind: }\n", [
    `2:16: providers[0].kind: has no value; it is ${kinds}`,
  ]],
  ["a kind near none", "providers:\n  - { name: a, kind: 3 }\n", [
    `2:16: providers[0].kind: must be ${kinds}`,
  ]],
  ["an unknown word", `unwrap: round_robin\n${localProvider}`, [
    '1:1: unwrap: must be fastest, roundrobin or ordered; did you mean "roundrobin"?',
  ]],
  ["a word that is missing its value", `unwrap:\n${localProvider}`, [
    "1:1: unwrap: has no value; it is fastest, roundrobin or ordered",
  ]],
  ["a section that is a text", `socket: /run/kms.sock\n${localProvider}`, ["1:1: socket: must be a mapping"]],
  ["a section without a value", `cache:\n${localProvider}`, ["1:1: cache: has no value"]],
  ["a flag that is a text", `kms:\n  v1beta1: yes\n${localProvider}`, ["2:3: kms.v1beta1: must be true or false"]],
  ["a number that is a text", `keyEpoch: "1"\n${localProvider}`, [
    "1:1: keyEpoch: must be a whole number from 0 to 4294967295",
  ]],
  ["a number that is no whole one", `keyEpoch: 1.5\n${localProvider}`, [
    "1:1: keyEpoch: must be a whole number from 0 to 4294967295",
  ]],
  ["a number out of bounds", `cache: { entries: 0 }\n${localProvider}`, [
    "1:10: cache.entries: must be a whole number from 1 to 1048576",
  ]],
  ["a duration that is a number", `drain: 10\n${localProvider}`, [
    "1:1: drain: must be a duration such as 500ms, 75s, 10m, 24h or 7d",
  ]],
  ["a duration of an unknown unit", `drain: 10 minutes\n${localProvider}`, [
    "1:1: drain: must be a duration such as 500ms, 75s, 10m, 24h or 7d",
  ]],
  ["a duration out of bounds", `probe: { interval: 2h }\n${localProvider}`, [
    "1:10: probe.interval: must be from 1s to 1h",
  ]],
  ["a mode that is a number", `socket: { mode: 0600 }\n${localProvider}`, [
    '1:11: socket.mode: must be a file mode in quotes and octal digits, such as "0600"',
  ]],
  ["a mode that is not octal", `socket: { mode: "0680" }\n${localProvider}`, [
    '1:11: socket.mode: must be a file mode in quotes and octal digits, such as "0600"',
  ]],
  ["a mode that lets everybody in", `socket: { mode: "0666" }\n${localProvider}`, [
    "1:11: socket.mode: must let the owner read and write, and give others no access",
  ]],
  ["a user that is not known", `socket: { owner: nemo }\n${localProvider}`, [
    "1:11: socket.owner: no such name in /etc/passwd; give the number",
  ]],
  ["a group that is not known", `socket: { group: nemo }\n${localProvider}`, [
    "1:11: socket.group: no such name in /etc/group; give the number",
  ]],
  ["a user that is none", `socket: { owner: -1 }\n${localProvider}`, [
    "1:11: socket.owner: must be a name, or a number without quotes",
  ]],
  ["a socket with too long a name", `socket: { path: /run/${"n".repeat(103)} }\n${localProvider}`, [
    `1:11: socket.path: /run/${"n".repeat(103)} has more than 107 bytes, all that a socket can have`,
  ]],
  ["a socket in a folder with too long a name", `socket: { path: /run/${"é".repeat(46)}/s }\n${localProvider}`, [
    `1:11: socket.path: /run/${"é".repeat(46)}/s lies in a folder whose path has more than 95 bytes`,
  ]],
  ["a socket where nothing may be written", `socket: { path: kms.sock }\n${localProvider}`, [
    "1:11: socket.path: /etc/trousseau/kms.sock is not where Trousseau is permitted to write " +
    "(/run, /var/run, /var/lib/trousseau)",
  ]],
  ["a state folder where nothing may be written", `state: /srv\n${localProvider}`, [
    "1:1: state: /srv is not where Trousseau is permitted to write (/run, /var/run, /var/lib/trousseau)",
  ]],
  ["an audit file where nothing may be written", `telemetry: { audit: /var/log/a }\n${localProvider}`, [
    "1:14: telemetry.audit: /var/log/a is not where Trousseau is permitted to write (/run, /var/run, /var/lib/trousseau)",
  ]],
  ["an address without a port", `telemetry: { listen: localhost }\n${localProvider}`, [
    "1:14: telemetry.listen: must be an address and a port such as 127.0.0.1:8090, or off",
  ]],
  ["a port that is none", `telemetry: { listen: "127.0.0.1:65536" }\n${localProvider}`, [
    "1:14: telemetry.listen: must be an address and a port such as 127.0.0.1:8090, or off",
  ]],
  ["a quorum larger than there are providers", `wrap: 2\n${localProvider}`, [
    "1:1: wrap: is 2, and there is 1 provider",
  ]],
  ["a quorum of none", `wrap: 0\n${localProvider}`, ["1:1: wrap: must be all, any, or a number from 1 to 8"]],
  ["a quorum of an unknown word", `wrap: most\n${localProvider}`, [
    "1:1: wrap: must be all, any, or a number from 1 to 8",
  ]],
  ["an age beyond the lifetime", `cache: { maxAge: 8d }\n${localProvider}`, [
    "1:10: cache.maxAge: is longer than lifetime",
  ]],
  ["a name that is no DNS label", "providers:\n  - { kind: local, name: Vault_EU, keyFile: local.keys }\n", [
    "2:20: providers[0].name: must be 1 to 63 lowercase letters, digits and -, with - neither first nor last",
  ]],
  ["a key file that is not there", "providers:\n  - { kind: local, name: a, keyFile: a.keys }\n", [
    "2:29: providers[0].keyFile: /etc/trousseau/a.keys is not there",
  ]],
  [
    "a key file that may not be made there",
    "providers:\n  - { kind: local, name: a, create: true, keyFile: a.keys }\n",
    [
      "2:43: providers[0].keyFile: /etc/trousseau/a.keys is not where Trousseau is permitted to write " +
      "(/run, /var/run, /var/lib/trousseau)",
    ],
  ],
  [
    "one key file for two",
    "providers:\n  - { kind: local, name: a, keyFile: local.keys }\n  - { kind: local, name: b, keyFile: ./local.keys }\n",
    ["3:29: providers[1].keyFile: is the key file of providers[0] too; two copies of one key are no quorum"],
  ],
  [
    "a duplicate name",
    "providers:\n  - { kind: local, name: a, keyFile: local.keys }\n  - { name: a, kind: local, keyFile: token }\n",
    ["3:7: providers[1].name: duplicate name; providers[0].name is the same"],
  ],
  [
    "a former name that is in use",
    "providers:\n  - { kind: local, name: a, formerly: [x, b], keyFile: local.keys }\n  - { kind: local, name: b, keyFile: token }\n",
    ["2:43: providers[0].formerly[1]: duplicate name; providers[1].name is the same"],
  ],
  [
    "a retired provider's name that is in use",
    `${localProvider}retired:\n  - { kind: local, name: x, formerly: [local], keyFile: token }\n`,
    ["3:40: retired[0].formerly[0]: duplicate name; providers[0].name is the same"],
  ],
  [
    "a forgotten provider that is there",
    `${localProvider}forgotten: [x, local]\n`,
    ["2:16: forgotten[1]: duplicate name; providers[0].name is the same"],
  ],
  [
    "a retired key that is to be made",
    `${localProvider}retired:\n  - { kind: local, name: x, create: true, keyFile: /run/x.keys }\n`,
    ["3:29: retired[0].create: must be false here: a retired key is never made"],
  ],
  [
    "retired providers that are none, and goes on to the next problem",
    `${localProvider}retired: [{ kind: 1, name: x }, { kind: local, name: x, keyFile: absent }]\n`,
    [
      `2:13: retired[0].kind: must be ${kinds}`,
      "2:48: retired[1].name: duplicate name; retired[0].name is the same",
      "2:57: retired[1].keyFile: /etc/trousseau/absent is not there",
    ],
  ],
  [
    "nine retired providers",
    `${localProvider}retired: [${
      [..."abcdefghi"].map((name) => `{ kind: local, name: ${name}, keyFile: token }`).join(", ")
    }]\n`,
    ["2:1: retired: must be at most 8 providers"],
  ],
  ["a list of retired providers that is none", `${localProvider}retired: old\n`, [
    "2:1: retired: must be a list of providers",
  ]],
  [
    "a former name of two",
    "providers:\n  - { kind: local, name: a, formerly: [x], keyFile: local.keys }\n  - { kind: local, name: b, formerly: [x], keyFile: token }\n",
    ["3:40: providers[1].formerly[0]: duplicate name; providers[0].formerly[0] is the same"],
  ],
];

for (const [criterion, config, lines] of mistakes) {
  Deno.test(`loadConfig() complains of ${criterion}`, async () => {
    assert.deepEqual(await complaints(config), lines);
  });
}

Deno.test("loadConfig() reports all problems at once, in the order of the file", async () => {
  const found = await complaints(
    `probe: { intervall: 1s }
drain: soon
providers:
  - { kind: local, name: a, keyFile: absent }
  - { kind: loca, name: a }
  - kind: vault-transit
    name: v
    address: http://vault:8200
    key: k
    auth: { method: token, token: { variable: VAULT_TOKEN } }
    tls: { caFile: absent.pem }
  - kind: vault-transit
    name: w
    address: https://vault:8200
    key: k
    auth: { method: token, token: { variable: VAULT_TOKEN } }
    tls: { caFile: absent.pem, certificateFiel: x }
wrap: 5
`,
  );
  assert.deepEqual(found, [
    '1:10: probe.intervall: unknown key; did you mean "interval"?',
    "2:1: drain: must be a duration such as 500ms, 75s, 10m, 24h or 7d",
    "4:29: providers[0].keyFile: /etc/trousseau/absent is not there",
    `5:7: providers[1].kind: must be ${kinds}; did you mean "local"?`,
    "5:19: providers[1].name: duplicate name; providers[0].name is the same",
    "8:5: providers[2].address: must begin with https://; plain http is taken for loopback addresses only",
    "16:37: providers[3].auth.token.variable: the variable is not set, or empty",
    "17:12: providers[3].tls.caFile: /etc/trousseau/absent.pem is not there",
    '17:32: providers[3].tls.certificateFiel: unknown key; did you mean "certificateFile"?',
    "18:1: wrap: is 5, and there are 4 providers",
  ]);
});

Deno.test("loadConfig() says how many problems it leaves out after the fiftieth", async () => {
  const unknown = Array.from({ length: 60 }, (_, index) => `key${index}: 1\n`).join("");
  const found = await complaints(unknown + localProvider);
  assert.equal(found.length, 51);
  assert.match(found.at(-1) ?? "", /and 10 more$/);
});

Deno.test("loadConfig() follows anchors, and says where a wrong one is used", async () => {
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

Deno.test("loadConfig() takes the state folder of systemd where the config names none", async () => {
  const variables = { STATE_DIRECTORY: "/var/lib/trousseau/one:/var/lib/trousseau/two" };
  assert.equal((await loadFake(localProvider, variables)).state, "/var/lib/trousseau/one");
  assert.equal((await loadFake(`state: /run/s\n${localProvider}`, variables)).state, "/run/s");
});

Deno.test("loadConfig() wants two wraps where there are two providers", async () => {
  const two = `providers:
  - { kind: local, name: a, keyFile: local.keys }
  - { kind: local, name: b, keyFile: token }
`;
  assert.equal((await loadFake(two)).wrap, 2);
  assert.equal((await loadFake(`wrap: any\n${two}`)).wrap, "any");
});

Deno.test("loadConfig() never repeats a value that may be a secret, whatever the mistake", async () => {
  const canary = "hvs.CANARYcanary0123456789";
  const tame = "Canary-canary-0123";
  const mistaken = [
    ...[canary, tame].flatMap((secret) => [
      vaultProvider("    address: https://a", `{ method: token, token: ${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: { ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { file: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { file: token, variable: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { variable: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { value: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: [${secret}] }`),
      vaultProvider("    address: https://a", `{ method: token, tokn: ${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, ${secret}: }`),
      vaultProvider("    address: https://a", `{ method: ${secret} }`),
      vaultProvider("    address: https://a", secret),
      vaultProvider("    address: https://a", `{ method: token, token: *${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: !${secret} x }`),
      vaultProvider("    address: https://a", `{ method: token, token: "${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: "\\q${secret}" }`),
      vaultProvider("    address: https://a", `{ method: token, token: %${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: @${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: |${secret} }`),
      vaultProvider("    address: https://a", `|${secret}\n      x`),
      vaultProvider("    address: https://a", `{ method: userpass, username: a, password: ${secret} }`),
      vaultProvider("    address: https://a", `{ method: approle, roleId: { file: ${secret} }, secretId: ${secret} }`),
      vaultProvider(`    address: https://user:${secret}@vault:8200`),
      vaultProvider(`    address: http://${secret}@127.0.0.1`),
      vaultProvider(`    addresses: [https://vault/?token=${secret}]`),
      vaultProvider(`    address: https://a\n    token: ${secret}`),
      vaultProvider(`    address: https://a\n    token: ${secret}\n    token: ${secret}`),
      vaultProvider(`    address: https://a\n  ${secret}`),
      vaultProvider(`    address: https://a\n\t${secret}`),
    ]),
    vaultProvider(`    address: https://a\n    ${canary}: `),
    `${canary}: 1\n${localProvider}`,
  ];
  for (const config of mistaken) {
    const found = await complaints(config);
    assert.notDeepEqual(found, [], config);
    const said = found.join("\n").toLowerCase();
    for (const part of ["canary", "0123"]) assert.ok(!said.includes(part), `${config}\n${said}`);
  }
});

Deno.test("loadConfig() tells who writes a secret into the config where to put it", async () => {
  assert.deepEqual(
    await complaints(vaultProvider("    address: https://a", '{ method: userpass, username: a, password: "pw" }')),
    [
      "5:44: providers[0].auth.password: must not stand in the config; put it into a file and write { file: PATH }, " +
      "or into a variable and write { variable: NAME }",
    ],
  );
});

const key = fc.constantFrom(
  "socket",
  "path",
  "mode",
  "owner",
  "state",
  "kms",
  "wrap",
  "cache",
  "maxAge",
  "telemetry",
  "log",
  "listen",
  "audit",
  "providers",
  "kind",
  "name",
  "formerly",
  "keyFile",
  "create",
  "address",
  "addresses",
  "auth",
  "method",
  "token",
  "roleId",
  "secretId",
  "file",
  "variable",
  "tls",
  "caFile",
  "__proto__",
  "constructor",
  "toString",
  "",
); // deno-fmt-ignore-line

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom("local", "vault-transit", "approle", "10m", "0600", "all", "https://a", "off", "token", "a"),
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 6 }),
  ),
}));

async function isTotal(config: string | Uint8Array): Promise<void> {
  try {
    await loadFake(config);
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError, `${thrown}`);
    assert.equal(thrown.code, "config");
    assert.ok(thrown.message.split("\n").every((line) => line.includes(fakePath)), thrown.message);
  }
}

Deno.test("loadConfig() takes or refuses any tree of known and unknown keys, and throws nothing else", async () => {
  await fc.assert(fc.asyncProperty(value, (tree) => isTotal(JSON.stringify(tree))), { numRuns: 400 });
});

Deno.test("loadConfig() takes or refuses any providers, and throws nothing else", async () => {
  const providers = fc.array(fc.dictionary(key, value, { maxKeys: 8 }), { maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(
      providers,
      fc.constantFrom("local", "vault-transit"),
      (list, kind) => isTotal(JSON.stringify({ providers: list.map((one) => ({ kind, ...one })) })),
    ),
    { numRuns: 400 },
  );
});

Deno.test("loadConfig() takes or refuses any text and any bytes, and throws nothing else", async () => {
  const yamlish = fc.string({
    unit: fc.constantFrom(
      ..."abk:-,{}[]&*!|>'\"%@`#\n\t  \\?~0".split(""),
      "providers:\n",
      "- ",
      "  ",
      "<<",
      "\u{1f600}",
      "\0",
    ),
    maxLength: 80,
  });
  await fc.assert(fc.asyncProperty(yamlish, isTotal), { numRuns: 1000 });
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), isTotal), { numRuns: 300 });
});

Deno.test("loadConfig() takes or refuses any cut of a good config, and throws nothing else", async () => {
  const whole = vaultProvider("    address: https://a\n    tls: { caFile: ca.pem }") +
    "wrap: 1\ncache: { maxAge: 5m }\n";
  assert.deepEqual(await complaints(whole), []);
  for (let length = 0; length < whole.length; length++) await isTotal(whole.slice(0, length));
});

Deno.test("loadConfig() refuses an anchor that stands inside itself, and throws nothing else", async () => {
  for (
    const config of ["providers: &a [*a]\n", "&a { socket: *a, providers: [*a] }\n", "cache: &a { entries: *a }\n"]
  ) {
    assert.notDeepEqual(await complaints(config), []);
    await isTotal(config);
  }
});

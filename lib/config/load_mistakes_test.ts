import assert from "node:assert/strict";
import { providerKinds } from "../provider/registry.ts";
import { complaints, localProvider } from "../../tests/support/fake_files.ts";

const kinds = `${providerKinds.slice(0, -1).join(", ")} or ${providerKinds.at(-1)}`;
const noProviders = "is missing; a config has 1 to 8 providers";
const nine = Array.from({ length: 9 }, (_, index) => `{ kind: local, name: n${index}, keyFile: local.keys }`);

/** One mistake in each config, with all lines of its message. */
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
    "telemetry, providers, retired, forgotten, readForeign, sops, keyring",
  ]],
  ["a merge key", `<<: { wrap: 1 }\n${localProvider}`, [
    "1:1: unknown key; known here: socket, state, kms, keyEpoch, wrap, unwrap, cache, readyDek, outage, probe, drain, " +
    "telemetry, providers, retired, forgotten, readForeign, sops, keyring",
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
    "(/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)",
  ]],
  ["a state folder where nothing may be written", `state: /srv\n${localProvider}`, [
    "1:1: state: /srv is not where Trousseau is permitted to write (/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)",
  ]],
  ["an audit file where nothing may be written", `telemetry: { audit: /var/log/a }\n${localProvider}`, [
    "1:14: telemetry.audit: /var/log/a is not where Trousseau is permitted to write (/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)",
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
      "(/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)",
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
    "a forgotten version of no provider's name, and one without a version",
    `${localProvider}forgotten: ["Vault@1", "vault@", "vault 1", "@1"]\n`,
    ["[0]", "[1]", "[2]", "[3]"].map((at, index) =>
      `2:${
        [13, 24, 34, 45][index]
      }: forgotten${at}: must be the name of a provider, or NAME@VERSION with a version as ` +
      "keys shows it"
    ),
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
  Deno.test(`loadConfig() reports ${criterion}`, async () => {
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

Deno.test("loadConfig() reports the number of omitted problems after the fiftieth", async () => {
  const unknown = Array.from({ length: 60 }, (_, index) => `key${index}: 1\n`).join("");
  const found = await complaints(unknown + localProvider);
  assert.equal(found.length, 51);
  assert.match(found.at(-1) ?? "", /and 10 more$/);
});

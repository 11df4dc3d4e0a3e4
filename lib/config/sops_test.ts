import assert from "node:assert/strict";
import { environmentFrom } from "./environment.ts";
import { complaints, fakeFiles, fakePath, loadFake, localProvider } from "../../tests/support/fake_files.ts";
import type { FileKind } from "./files.ts";
import { loadConfig } from "./load.ts";

const two = `providers:
  - { kind: local, name: a, keyFile: local.keys }
  - { kind: local, name: b, keyFile: token }
`;

const mistakes: readonly [criterion: string, text: string, lines: readonly string[]][] = [
  ["an unknown field", `${localProvider}sops: { key: [] }\n`, ['2:9: sops.key: unknown key; did you mean "keys"?']],
  ["no keys", `${localProvider}sops: { keys: [] }\n`, ["2:9: sops.keys: is empty; files have to name a key"]],
  ["a name that a URI would not keep", `${localProvider}sops: { keys: [{ name: a/b }] }\n`, [
    "2:18: sops.keys[0].name: must be 1 to 63 lowercase letters, digits and -, with - neither first nor last",
  ]],
  ["a name that stands there twice", `${localProvider}sops: { keys: [{ name: a }, { name: a }] }\n`, [
    "2:31: sops.keys[1].name: duplicate name",
  ]],
  ["providers that are not there", `${two}sops: { keys: [{ name: k, providers: [a, c] }] }\n`, [
    "4:42: sops.keys[0].providers[1]: no provider has this name",
  ]],
  [
    "retired providers, which do not wrap",
    `${localProvider}retired: [{ kind: local, name: c, keyFile: token }]
sops: { keys: [{ name: k, providers: [c] }] }\n`,
    ["3:39: sops.keys[0].providers[0]: no provider has this name"],
  ],
  ["one provider twice", `${two}sops: { keys: [{ name: k, providers: [a, a] }] }\n`, [
    "4:42: sops.keys[0].providers[1]: stands in the list twice",
  ]],
  ["a quorum larger than there are providers", `${two}sops: { keys: [{ name: k, providers: [a], wrap: 2 }] }\n`, [
    "4:43: sops.keys[0].wrap: is 2, and there is 1 provider",
  ]],
  ["a socket where nothing may be written", `${localProvider}sops: { socket: { path: s.sock } }\n`, [
    "2:19: sops.socket.path: /etc/trousseau/s.sock is not where Trousseau is permitted to write " +
    "(/run, /var/run, /var/lib/trousseau, /var/lib/trousseaud)",
  ]],
  ["a group that nobody knows", `${localProvider}sops: { socket: { group: nobody-knows } }\n`, [
    "2:19: sops.socket.group: no such name in /etc/group; give the number",
  ]],
  ["the plugin's audit file", `telemetry: { audit: /run/a }\n${localProvider}sops: { audit: /run/a }\n`, [
    "3:9: sops.audit: is the plugin's own audit file; the two would be mixed",
  ]],
];

for (const [criterion, text, lines] of mistakes) {
  Deno.test(`sops reports ${criterion}`, async () => {
    assert.deepEqual(await complaints(text), lines);
  });
}

Deno.test("sops uses the quorum of all providers for a key, limited to the number of its providers", async () => {
  const keys = "sops: { keys: [{ name: one, providers: [a] }, { name: all }, { name: own, wrap: any }] }\n";
  const wraps = async (wrap: string) => (await loadFake(`${wrap}${two}${keys}`)).sops.keys.map(({ wrap }) => wrap);
  assert.deepEqual(await wraps(""), [1, 2, "any"]);
  assert.deepEqual(await wraps("wrap: 2\n"), [1, 2, "any"]);
  assert.deepEqual(await wraps("wrap: all\n"), ["all", "all", "any"]);
});

async function socketPath(text: string, variables: Record<string, string>, kinds: Record<string, FileKind> = {}) {
  const contents = { [fakePath]: text, "/etc/trousseau/local.keys": "x" };
  const config = await loadConfig(fakePath, environmentFrom((name) => variables[name]), fakeFiles({ contents, kinds }));
  return config.sops.socket.path;
}

Deno.test("sops serves in the user's runtime folder, else in the folder of the plugin's socket", async () => {
  const runtime = { XDG_RUNTIME_DIR: "/run/user/7" };
  const there: Record<string, FileKind> = { "/run/user/7": "folder" };
  assert.equal(await socketPath(localProvider, {}), "/run/trousseau/sops.sock");
  assert.equal(await socketPath(localProvider, runtime, there), "/run/user/7/trousseau/sops.sock");
  assert.equal(await socketPath(localProvider, runtime), "/run/trousseau/sops.sock");
  const own = `socket: { path: /run/kms/kms.sock }\n${localProvider}`;
  assert.equal(await socketPath(own, runtime, there), "/run/kms/sops.sock");
});

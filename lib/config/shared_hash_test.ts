import { equal, match, notEqual } from "node:assert/strict";
import { loadFake, localProvider } from "../../tests/support/fake_files.ts";

const hashOf = async (text: string) => (await loadFake(text)).hash;

const vault = (changes: string, auth = "{ method: token, token: { file: token } }") =>
  `providers: [{ kind: vault-transit, name: v, address: "https://vault:8200", key: k, auth: ${auth}, ${changes} }]`;

Deno.test("sharedHash() leaves out comments, order, style and written defaults", async () => {
  const hash = await hashOf(`${localProvider}\nkeyEpoch: 1\n`);
  match(hash ?? "", /^[0-9a-f]{16}$/);
  equal(await hashOf(`# comment\nwrap: 1\n"keyEpoch": 1\n${localProvider}\ncache: { maxAge: 600s }\n`), hash);
});

Deno.test("sharedHash() leaves out the settings of one node and of other processes", async () => {
  const hash = await hashOf(localProvider);
  for (
    const own of [
      "telemetry: { listen: 10.0.0.2:8090, log: { level: debug }, audit: off }",
      "sops: { listen: 127.0.0.1:8091 }",
      "state: /var/lib/trousseau/a",
      "socket: { path: /run/kms/kms.sock, mode: '0660', group: 997 }",
      "probe: { interval: 30s }",
      "drain: 1s",
    ]
  ) equal(await hashOf(`${localProvider}\n${own}\n`), hash, own);
  equal(await hashOf(localProvider.replace("local.keys", "/etc/trousseau/local.keys")), hash);
  const login = "{ method: approle, roleId: { file: token }, secretId: { file: token } }";
  equal(await hashOf(vault("mount: transit", login)), await hashOf(vault("mount: transit")));
});

Deno.test("sharedHash() has all that must be the same on all nodes", async () => {
  const hash = await hashOf(localProvider);
  for (
    const shared of [
      "keyEpoch: 1",
      "wrap: all",
      "unwrap: ordered",
      "kms: { v1beta1: false }",
      "cache: { lifetime: 1d }",
      "readyDek: { maxAge: 2h }",
      "outage: { policy: failClosed }",
      "forgotten: [old]",
      "retired: [{ kind: local, name: old, keyFile: token }]",
    ]
  ) notEqual(await hashOf(`${localProvider}\n${shared}\n`), hash, shared);
  const [mount, other] = [await hashOf(vault("mount: transit")), await hashOf(vault("mount: other"))];
  notEqual(mount, other);
});

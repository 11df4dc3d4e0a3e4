import { deepEqual, equal, match } from "node:assert/strict";
import { keyIdOf } from "../../services/kms/key_ring/key_id.ts";
import { folderSentinels } from "../../services/kms/key_ring/sentinel_file.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";

function announced(keyEpoch: number, version: string) {
  const members = [{ name: "local", kind: "local", version }];
  return { id: keyIdOf(keyEpoch, members), at: 1_700_000_000_000, keyEpoch, provisional: false, members } as const;
}

Deno.test("keys() of a new node shows only the providers", async () => {
  await using config = await TemporaryConfig.make();
  const { status, out } = await config.run("keys");
  equal(status, 0);
  match(out, /^local +local +\? +not in the announced key ID$/m);
  match(out, /This node has announced no key ID yet/);
});

Deno.test("keys() shows versions, the announced ID, its history and providers that are no longer configured", async () => {
  await using config = await TemporaryConfig.make();
  await config.remember({
    providers: [
      { name: "local", kind: "local", state: { version: "v2" } },
      { name: "gone", kind: "vault-transit", state: { version: "v9" } },
    ],
    history: [announced(0, "v1"), announced(0, "v2")],
  });
  const { status, out } = await config.run("keys");
  equal(status, 0);
  match(out, /^local +local +v2 +in the announced key ID$/m);
  match(out, /^gone +vault-transit +v9 +not in the configuration$/m);
  const ids = out.split("\n").filter((text) => text.startsWith("t1-"));
  match(ids[0] ?? "", /2023-11-14T22:13:20\.000Z +0 +announced +local=v2$/);
  match(ids[1] ?? "", /Z +0 +local=v1$/);
  match(out, /The key ID stays t1-/);
  const { keyId, history, plan, providers } = JSON.parse((await config.run("keys", "--json")).out);
  deepEqual([keyId, history.length, plan.verdict], [announced(0, "v2").id, 2, "same"]);
  deepEqual(providers, [{ name: "local", kind: "local", version: "v2" }]);
});

Deno.test("keys() exits 78 if the configuration would announce a key ID again", async () => {
  await using config = await TemporaryConfig.make();
  await config.remember({
    providers: [{ name: "local", kind: "local", state: { version: "v1" } }],
    history: [announced(0, "v1"), announced(1, "v1")],
  });
  const { status, out } = await config.run("keys");
  equal(status, 78);
  match(out, /keyEpoch: 2/);
});

Deno.test("keysRotate() adds a version to a local key, which wraps from then on", async () => {
  await using config = await TemporaryConfig.make();
  const version = async () => JSON.parse((await config.run("check", "--json")).out).providers[0].version;
  const before = await version();
  const { status, out } = await config.run("keys", "rotate", "--json");
  equal(status, 0);
  const rotated = JSON.parse(out);
  const subject = { file: config.file, socket: `${config.folder}/kms.sock` };
  deepEqual(rotated, { ...subject, provider: "local", rotated: true, version: await version() });
  equal(rotated.version === before, false);
});

Deno.test("keysRotate() prints the vendor's command for a remote key", async () => {
  await using config = await TemporaryConfig.make();
  await Deno.writeTextFile(`${config.folder}/token`, "t");
  const vault = {
    name: "vault",
    kind: "vault-transit",
    address: "http://127.0.0.1:1",
    namespace: "team-a",
    mount: "transit",
    key: "kubernetes",
    auth: { method: "token", token: { file: `${config.folder}/token` } },
  };
  await config.write({ providers: [vault, { name: "local", kind: "local", keyFile: `${config.folder}/local.keys` }] });
  const { status, out } = await config.run("keys", "rotate", "--provider", "vault");
  equal(status, 0);
  match(
    out,
    /^vault write -f -address=http:\/\/127\.0\.0\.1:1 -namespace=team-a transit\/keys\/kubernetes\/rotate$/m,
  );
  const unsaid = await config.run("keys", "rotate");
  equal(unsaid.status, 64);
  match(unsaid.err, /--provider has to say which: vault, local/);
  match((await config.run("keys", "rotate", "--provider", "valt")).err, /Did you mean "vault"\?/);
});

Deno.test("keysRotate() exits 78 if there is no key file to rotate", async () => {
  await using config = await TemporaryConfig.make();
  await Deno.remove(`${config.folder}/local.keys`);
  const { status, out } = await config.run("keys", "rotate");
  equal(status, 78);
  equal(out, "");
});

Deno.test("configSchema() is a JSON Schema that describes the configuration", async () => {
  await using config = await TemporaryConfig.make();
  const { status, out } = await config.run("config", "schema");
  equal(status, 0);
  const { properties, $schema } = JSON.parse(out);
  match($schema, /json-schema\.org/);
  equal("providers" in properties, true);
});

Deno.test("keys() names versions that failed their last test", async () => {
  await using config = await TemporaryConfig.make();
  await config.remember({
    providers: [{ name: "local", kind: "local", state: { version: "v2" } }],
    history: [announced(0, "v1"), announced(0, "v2")],
  });
  const sentinel = (version: string, code: "ok" | "key_unknown") => ({
    provider: "local",
    kind: "local",
    version,
    keyId: "t1-0",
    madeAt: 1,
    wrapped: new Uint8Array(8),
    envelope: new Uint8Array(8),
    sha256: "0".repeat(64),
    test: { at: 1, code, message: "" },
    lost: false,
  });
  const store = folderSentinels(`${config.folder}/state`);
  await store.update(() => [sentinel("v1", "key_unknown"), sentinel("v2", "ok")]);
  const { status, out } = await config.run("keys");
  equal(status, 0);
  match(out, /^Did not open when tested last: local@v1\. Run `trousseau check` to test again\.$/m);
  deepEqual(JSON.parse((await config.run("keys", "--json")).out).unopenable, ["local@v1"]);
});

/**
 * A keyring whose real etcd hangs, or loses members in the middle of transactions.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { utf8Text } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import { secretPath } from "../../lib/api/keyring/paths.ts";
import { openEtcdEngine } from "../../lib/services/keyring/engine/etcd_engine.ts";
import { verifyStore } from "../../lib/services/keyring/secrets/verify.ts";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { startCluster } from "../support/etcd.ts";
import { adminCall } from "../support/admin_call.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { textField } from "../support/keyring_secrets.ts";
import { MemoryProvider } from "../support/memory_provider.ts";
import { waitFor } from "../support/processes.ts";
import { KeyringServer } from "../support/secrets_server.ts";
import { inFolder } from "../support/temporary_folder.ts";

const { signal } = new AbortController();
const soon = { timeoutMs: 60_000 };

Deno.test("while etcd hangs no identity is accepted, health says so without a request, and all works when it is back", () =>
  inFolder(async (folder) => {
    await using etcd = await startCluster();
    const [member] = etcd.members;
    ok(member);
    const { endpoints, tls } = etcd.settings;
    const stage = new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey);
    await stage.configure("a", { etcd: { endpoints, ...tls } });
    await using server = stage.serve();
    await stage.ready(server);
    const socket = `${folder}/admin.sock`;
    const text = "roles: {reader: {rules: [{path: db, verbs: [read]}]}}";
    equal((await adminCall(socket, "PUT", "/api/v1/policy", { text })).status, 200);
    const made = await adminCall(socket, "POST", "/api/v1/tokens", { role: "reader", ttl: 3_600, name: "script" });
    equal(made.status, 201, made.text);
    const bearer = { authorization: `Bearer ${JSON.parse(made.text).token}` };
    const whoami = () => adminCall(socket, "GET", "/api/v1/whoami", undefined, bearer);
    equal((await whoami()).status, 200);

    member.process.signal("SIGSTOP");
    const state = async () => JSON.parse((await adminCall(socket, "GET", "/api/v1/health")).text).parts[0];
    await waitFor("the state of the store", async () => (await state()).state === "failed", soon);
    match((await state()).reason, /^The store has not answered for \d+ seconds/);
    equal((await adminCall(socket, "GET", "/readyz")).status, 503);
    const refused = await whoami();
    equal(refused.status, 503, refused.text);
    match(refused.text, /"type":"urn:trousseau:problem:store_unavailable"/);

    member.process.signal("SIGCONT");
    await waitFor("an answer", async () => (await whoami()).status === 200, soon);
    await waitFor("the state of the store", async () => (await state()).state === "ok", soon);
  }));

Deno.test("members of etcd that are killed in the middle of transactions: no acknowledged write is lost", async () => {
  await using etcd = await startCluster(3);
  using client = await EtcdClient.open(etcd.settings, systemClock, () => {});
  await using engine = await openEtcdEngine({ client, prefix: "/k/", clock: systemClock, create: true }, signal);
  await using server = new KeyringServer(engine, new MemoryProvider("a"));
  const acknowledged: string[] = [];
  const failures = new Map<string, unknown>();
  let [count, isDone] = [0, false];
  const write = async () => {
    while (!isDone) {
      const path = `w/${count % 7}/${count++}`;
      try {
        await server.secrets.create(secretPath(path), { fields: [textField("value", path)] }, { signal });
        acknowledged.push(path);
      } catch (thrown) {
        failures.set(path, thrown);
      }
    }
  };
  const writing = Array.from({ length: 8 }, write);
  // One of them leads; two are a majority.
  for (const member of etcd.members) {
    const before = acknowledged.length;
    await waitFor("writes", () => acknowledged.length > before + 10, soon);
    await member.process.kill();
    const after = acknowledged.length;
    await waitFor("writes without the member", () => acknowledged.length > after + 10, soon);
    member.start();
  }
  isDone = true;
  await Promise.all(writing);

  const valueOf = async (path: string) => {
    const { fields: [field] } = await server.secrets.read(secretPath(path), { signal });
    return field && utf8Text(field.value);
  };
  for (const path of acknowledged) equal(await valueOf(path), path);
  for (const [path, thrown] of failures) {
    ok(thrown instanceof KeyringError, String(thrown));
    ok(["store_unavailable", "conflict"].includes(thrown.code), thrown.message);
    match(thrown.message, /^Cannot [^\n]*\.$/);
    if (thrown.details.outcome === "unknown") {
      match(thrown.message, /cannot be found out now; read before you write again/);
    } else equal(await valueOf(path).catch(({ code }) => code), "not_found", `${path}: ${thrown.message}`);
  }
  deepEqual((await verifyStore(server.store, { signal })).problems, []);
});

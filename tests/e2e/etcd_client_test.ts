/**
 * The client of etcd against a real etcd.
 *
 * @module
 */
import assert from "node:assert/strict";
import { base64, concat, sha256, utf8 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { EtcdClient, type EtcdSettings } from "../../lib/net/etcd/etcd_client.ts";
import { readEtcd, transactEtcd } from "../../lib/net/etcd/etcd_kv.ts";
import { grantLease, renewLease, revokeLease } from "../../lib/net/etcd/etcd_lease.ts";
import { etcdSnapshot, etcdStatus } from "../../lib/net/etcd/etcd_maintenance.ts";
import { watchEtcd } from "../../lib/net/etcd/etcd_watch.ts";
import { fixedSecret, startCluster } from "../support/etcd.ts";
import { waitFor } from "../support/processes.ts";

const { signal } = new AbortController();
const call = { signal, action: "use the store", repeatable: true } as const;
const open = (settings: EtcdSettings) => EtcdClient.open(settings, systemClock, () => {});
const put = (key: string, value: string) => ({ put: utf8(key), value: utf8(value) });

Deno.test("the client reads, compares, writes and deletes, with any bytes", async () => {
  await using etcd = await startCluster();
  using client = await open(etcd.settings);
  const key = Uint8Array.of(0, 255, 10, 128);
  const written = { put: key, value: Uint8Array.of(0, 1, 255) };
  const absent = { compare: [{ key, modRevision: 0 }], success: [written], failure: [{ range: { key } }] };
  const first = await transactEtcd(client, absent, call);
  assert.deepEqual([first.succeeded, first.ranges], [true, []]);
  const second = await transactEtcd(client, absent, call);
  const row = { key, value: written.value, modRevision: first.revision };
  assert.deepEqual([second.succeeded, second.ranges], [false, [[row]]]);
  await transactEtcd(client, {
    compare: [],
    success: ["a", "b", "c"].map((name) => put(`k/${name}`, name)),
    failure: [],
  }, call);
  const range = { key: utf8("k/"), end: utf8("k0") };
  const page = await readEtcd(client, { ...range, limit: 2, keysOnly: true }, call);
  assert.deepEqual([page.rows.map((one) => [`${one.key}`, one.value.length]), page.more], [[[`${utf8("k/a")}`, 0], [
    `${utf8("k/b")}`,
    0,
  ]], true]);
  const { revision } = await transactEtcd(
    client,
    { compare: [], success: [{ delete: utf8("k/b") }], failure: [] },
    call,
  );
  assert.deepEqual((await readEtcd(client, range, call)).rows.map(({ value }) => `${value}`), ["97", "99"]);
  assert.equal((await readEtcd(client, { ...range, revision: revision - 1 }, call)).rows.length, 3);
  await etcd.api("/v3/kv/compaction", { revision: `${revision}` });
  await assert.rejects(readEtcd(client, { ...range, revision: revision - 1 }, call), {
    reason: "mvcc: required revision has been compacted",
  });
});

Deno.test("the client watches from a revision on, until the signal, and says when changes are missing", async () => {
  await using etcd = await startCluster();
  using client = await open(etcd.settings);
  const { revision: from } = await transactEtcd(client, { compare: [], success: [put("w/1", "a")], failure: [] }, call);
  const write = (...success: Parameters<typeof transactEtcd>[1]["success"]) =>
    transactEtcd(client, { compare: [], success, failure: [] }, call);
  await write(put("x", "other"));
  const control = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    const range = { key: utf8("w/"), end: utf8("w0"), from };
    for await (const changes of watchEtcd(client, range, { ...call, signal: control.signal })) {
      seen.push(changes.map((one) => `${String.fromCharCode(...one.key)}@${one.modRevision - from}`).join());
    }
  })();
  await waitFor("the watch", () => seen.length >= 2, { timeoutMs: 10_000, everyMs: 10 });
  await write(put("w/2", "b"), { delete: utf8("w/1") });
  await waitFor("the change", () => seen.length >= 3, { timeoutMs: 10_000, everyMs: 10 });
  control.abort();
  await assert.rejects(watching, { code: "cancelled" });
  assert.deepEqual(seen.slice(0, 2), ["", "w/1@0"]);
  assert.deepEqual(seen[2]?.split(",").toSorted(), ["w/1@2", "w/2@2"]);
  await etcd.api("/v3/kv/compaction", { revision: `${from + 2}` });
  const late = watchEtcd(client, { key: utf8("w/"), end: utf8("w0"), from }, call);
  await assert.rejects(Array.fromAsync(late), { reason: "mvcc: required revision has been compacted" });
});

Deno.test("the client makes, renews and ends leases, reads the status and takes a whole snapshot", async () => {
  await using etcd = await startCluster();
  using client = await open(etcd.settings);
  const lease = await grantLease(client, 600, call);
  assert.equal(await renewLease(client, lease, call), 600);
  await transactEtcd(client, { compare: [], success: [{ ...put("leased", "a"), lease }], failure: [] }, call);
  assert.equal((await readEtcd(client, { key: utf8("leased") }, call)).rows.length, 1);
  await revokeLease(client, lease, call);
  assert.equal((await readEtcd(client, { key: utf8("leased") }, call)).rows.length, 0);
  await assert.rejects(revokeLease(client, lease, call), { reason: "requested lease not found" });
  const status = await etcdStatus(client, call);
  assert.match(status.version, /^3\.\d+\.\d+$/);
  assert.ok(status.hasLeader && status.databaseBytes > 0 && status.revision > 1);
  for (let part = 0; part < 8; part++) {
    const value = new Uint8Array(400_000).fill(part);
    await transactEtcd(client, { compare: [], success: [{ put: utf8(`large/${part}`), value }], failure: [] }, call);
  }
  const snapshot = concat(...await Array.fromAsync(etcdSnapshot(client, call)));
  assert.ok(snapshot.length > 8 * 400_000);
  assert.deepEqual(snapshot.subarray(-32), sha256(snapshot.subarray(0, -32)), "etcd ends a snapshot with its SHA-256");
});

Deno.test("the client logs in with user and password, again after the users have changed, and names what is refused", async () => {
  await using etcd = await startCluster();
  const allow = (prefix: string, end: string) => ({
    name: "store",
    perm: { permType: "READWRITE", key: base64(utf8(prefix)), range_end: base64(utf8(end)) },
  });
  await etcd.api("/v3/auth/user/add", { name: "root", password: "root" });
  await etcd.api("/v3/auth/role/add", { name: "root" });
  await etcd.api("/v3/auth/user/grant", { user: "root", role: "root" });
  await etcd.api("/v3/auth/role/add", { name: "store" });
  await etcd.api("/v3/auth/role/grant", allow("mine/", "mine0"));
  await etcd.api("/v3/auth/user/add", { name: "store", password: "secret" });
  await etcd.api("/v3/auth/user/grant", { user: "store", role: "store" });
  const user = { name: "store", password: fixedSecret("secret") };
  using early = await open({ ...etcd.nameless, user });
  await assert.rejects(readEtcd(early, { key: utf8("mine/a") }, call), {
    code: "config",
    message: /^Cannot use the store: etcd at https:\S+ refuses: it has authentication off; take away user and password/,
  });
  await etcd.api("/v3/auth/enable", {});
  using named = await open({ ...etcd.settings, user });
  const refusal = {
    code: "unauthenticated",
    message: /takes no client certificate with a common name; use one with an empty/,
  };
  await assert.rejects(readEtcd(named, { key: utf8("mine/a") }, call), refusal);
  const watch = watchEtcd(named, { key: utf8("a"), end: utf8("b"), from: 1 }, call);
  await assert.rejects(Array.fromAsync(watch), refusal);
  // The gateway then calls etcd as the common name of its server certificate.
  using nobody = await open(etcd.nameless);
  await assert.rejects(readEtcd(nobody, { key: utf8("mine/a") }, call), {
    code: "permission_denied",
    message: /; set user and password, and grant its role readwrite on the prefix\.$/,
  });
  using wrong = await open({ ...etcd.nameless, user: { ...user, password: fixedSecret("other") } });
  await assert.rejects(readEtcd(wrong, { key: utf8("mine/a") }, call), {
    code: "unauthenticated",
    message: /the password is another one/,
  });
  using client = await open({ ...etcd.nameless, user });
  const write = (key: string) =>
    transactEtcd(client, { compare: [], success: [put(key, "a")], failure: [] }, { ...call, repeatable: false });
  assert.equal((await write("mine/a")).succeeded, true);
  await assert.rejects(write("other"), {
    code: "permission_denied",
    message: /grant its role readwrite on the prefix/,
  });
  const { token } = await etcd.api("/v3/auth/authenticate", { name: "root", password: "root" });
  await etcd.api("/v3/auth/role/grant", allow("more", "morf"), `${token}`);
  assert.equal((await write("more")).succeeded, true);
});

Deno.test("the client goes on with another member when one hangs or is gone", async () => {
  await using etcd = await startCluster(3);
  using client = await open(etcd.settings);
  await transactEtcd(client, { compare: [], success: [put("a", "a")], failure: [] }, call);
  const read = async () => (await readEtcd(client, { key: utf8("a") }, call)).rows.length;
  await etcd.members[0]?.process.freeze();
  assert.equal(await read(), 1);
  etcd.members[0]?.process.signal("SIGCONT");
  await etcd.members[1]?.process.kill();
  await waitFor("a leader", async () => await read() === 1, { timeoutMs: 30_000 });
  assert.equal(await read(), 1);
  await etcd.members[2]?.process.kill();
  await assert.rejects(read(), { name: "KmsError", message: /^Cannot use the store: etcd at https:/ });
});

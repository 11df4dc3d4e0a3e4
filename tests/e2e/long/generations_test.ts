/**
 * 10,000 Secrets of a real cluster, stored in five ways: `verify` counts them as etcdctl and bbolt do, `rewrite` brings
 * them under one key although it is killed five times beside other writers, and snapshots are opened when the cluster,
 * its plugin and its KMS are gone.
 *
 * `TROUSSEAU_PROOF_SECRETS` is the number of Secrets, 10,000 if it is not set; `TROUSSEAU_PROOF_SEED` repeats the
 * moments of the kills.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Hpke } from "../../../lib/provider/recovery/hpke.ts";
import { privateKeyText, publicKeyText } from "../../../lib/provider/recovery/key_text.ts";
import { pause, waitFor } from "../../support/processes.ts";
import { exposures } from "../harness/exposure.ts";
import { printFigure, progressLines, seconds } from "../harness/figures.ts";
import { type VaultKms, vaultKms } from "../harness/foreign_kms.ts";
import { Gate } from "../harness/gate.ts";
import {
  createSecrets,
  type Generation,
  generations,
  GenerationSite,
  lastApplied,
  type MadeSecret,
  pathOf,
  prefixes,
  secretsOf,
} from "../harness/generations.ts";
import { Load } from "../harness/load.ts";
import { Node, type Plugin } from "../harness/plugin.ts";
import { RecordingProxy } from "../harness/recording_proxy.ts";
import { makeRewriter, nextKeyId, serverOf, writeKubeconfig } from "../harness/rewrite_site.ts";
import { randomFrom, seedFrom } from "../harness/seeded_random.ts";
import { saveSnapshot } from "../harness/snapshot.ts";
import { SnapshotReader } from "../harness/snapshot_reader.ts";
import {
  assertSameRows,
  countsOf,
  rowsByBolt,
  rowsByEtcdctl,
  rowsOfVerify,
  type StoredRows,
  type VerifiedRow,
  withoutKeyIds,
} from "../harness/stored_rows.ts";
import { Updates } from "../harness/updates.ts";

const total = Number(Deno.env.get("TROUSSEAU_PROOF_SECRETS") ?? "10000");
const perGeneration = total / generations.length;
const namespaces = Array.from({ length: 20 }, (_, at) => `ns-${at}`);
const kills = 5;

/** The beginning of each value of this run: a search for it finds them all. */
const marker = `canary${randomBytes(9).toString("hex")}`;

const say = progressLines();

/** The parts that the test has from its beginning to its end. */
interface Parts {
  readonly node: Node;
  readonly kms: VaultKms;
  readonly vault: Awaited<ReturnType<VaultKms["entry"]>>;
  readonly local: { readonly name: string };
  readonly safe: { readonly name: string };
  readonly recoveryKey: string;
}

/** Makes all Secrets, generation by generation. @returns them, and the key IDs that the plugin announced. */
async function fill({ kms }: Parts, site: GenerationSite, plugin: Plugin) {
  const made: MadeSecret[] = [];
  const keyIds: Partial<Record<Generation, string>> = {};
  for (const name of namespaces) {
    const { status } = await site.cluster.server.request("POST", "/api/v1/namespaces", { metadata: { name } });
    equal(status, 201);
  }
  let keyId = await nextKeyId(plugin, "");
  for (const generation of generations) {
    if (generation === "v2") {
      await kms.rotate();
      keyId = await nextKeyId(plugin, keyId);
    }
    keyIds[generation] = keyId;
    await site.turnTo(generation);
    const secrets = secretsOf(generation, perGeneration, namespaces, marker);
    await createSecrets(site.cluster.server, secrets);
    made.push(...secrets);
    say(`${made.length} Secrets made, the last ones as ${generation}`);
  }
  return { made, keyIds };
}

/** The document of `verify --list --json`. @throws {AssertionError} if it does not end with `status`. */
async function verified(node: Node, status: number, ...words: string[]) {
  const scope = ["--resources", "secrets", "--list", "--json"];
  const { code, stdout, stderr } = await node.command("verify", ...words, ...scope);
  equal(code, status, stderr);
  const document: { revision: number; rows: VerifiedRow[] } = JSON.parse(stdout);
  return document;
}

/**
 * Compares `verify` of the running etcd and of a snapshot with etcdctl and bbolt. Nothing writes meanwhile.
 *
 * @param status that `verify` ends with.
 * @returns the rows.
 */
async function compared(node: Node, etcd: string, snapshot: string, expected: string, status: number) {
  await saveSnapshot(etcd, snapshot);
  const [live, saved] = [
    await verified(node, status, "--etcd", etcd, "--expect-key-id", expected),
    await verified(node, status, "--snapshot", snapshot, "--expect-key-id", expected),
  ];
  const rows = rowsOfVerify(live.rows);
  assertSameRows(rows, await rowsByEtcdctl(etcd), "verify of etcd beside etcdctl");
  assertSameRows(rowsOfVerify(saved.rows), rows, "verify of the snapshot beside that of etcd");
  assertSameRows(withoutKeyIds(rows), await rowsByBolt(snapshot), "verify of the snapshot beside bbolt");
  deepEqual(saved.rows.map(({ names: _, ...row }) => row), live.rows.map(({ names: _, ...row }) => row));
  return { rows, table: live.rows };
}

/** The table before the rewrite: a row for each generation, each with its own key ID. */
function assertGenerations(
  rows: StoredRows,
  table: readonly VerifiedRow[],
  keyIds: Partial<Record<Generation, string>>,
) {
  equal(rows.size, total);
  deepEqual(
    countsOf(withoutKeyIds(rows)),
    Object.fromEntries(generations.map((one): [string, number] => [prefixes[one], perGeneration]).toSorted()),
  );
  const row = (state: string) => table.filter((one) => one.state === state).map(({ keyId }) => keyId);
  deepEqual(row("trousseau-v1beta1"), [keyIds.v1beta1]);
  deepEqual(row("trousseau-v2"), [keyIds.v2]);
  ok(keyIds.v1beta1 !== keyIds.v2);
}

/** Number of objects that a run has finished, by its state file. */
async function finishedIn(folder: string): Promise<number> {
  const text = await Deno.readTextFile(join(folder, "rewrite.json")).catch(() => "{}");
  const counts: { objects: number; gone: number; refused: number }[] = JSON.parse(text).counts ?? [];
  return counts.reduce((sum, { objects, gone, refused }) => sum + objects + gone + refused, 0);
}

/** Begins runs and kills them at random points. */
async function killRuns(node: Node, args: readonly string[], folder: string): Promise<void> {
  const seed = seedFrom("TROUSSEAU_PROOF_SEED");
  say(`TROUSSEAU_PROOF_SEED=${seed}`);
  const random = randomFrom(seed);
  for (let left = kills; left > 0; left--) {
    const done = await finishedIn(folder);
    const point = done + 1 + Math.floor(random() * 2 * (0.9 * total - done) / (left + 1));
    await using run = node.process(...args);
    await waitFor(`${point} objects`, async () => await finishedIn(folder) >= point, {
      timeoutMs: 300_000,
      everyMs: 20,
      alive: [run],
    });
    await pause(random() * 500);
    equal(run.status, undefined, run.tail);
    Deno.kill(run.pid, "SIGKILL");
    equal((await run.exited).signal, "SIGKILL");
    say(`killed ${await finishedIn(folder)} objects into the rewrite, behind ${point}`);
  }
}

/** The values that the writers have stored. */
interface Written {
  readonly counters: readonly { readonly path: string; readonly stored: number }[];
  readonly created: ReadonlyMap<string, string>;
}

/** Rewrites through a recording proxy beside writers, is killed, and is run to its end. */
async function rewritten(parts: Parts, site: GenerationSite, keyId: string, made: readonly MadeSecret[]) {
  const { node } = parts;
  const { server } = site.cluster;
  const token = await makeRewriter(site.cluster);
  const { server: address, ca } = await serverOf(site.cluster);
  await using proxy = await RecordingProxy.to(address, ca);
  const kubeconfig = await writeKubeconfig(node, proxy.address, proxy.authority.certificate, token);
  const folder = join(node.folder, "rewrite");
  const args = ["rewrite", "--kubeconfig", kubeconfig, "--resources", "secrets", "--socket", node.socket]
    .concat("--state", folder, "--rate", `${Math.max(20, total / 20)}`);

  await using stack = new AsyncDisposableStack();
  const load = new Load(server, "load", { writers: 1, pauseMs: 500 });
  // One Secret of each generation at the beginning and at the end of the order, and one between.
  const chosen = generations.flatMap((generation) => {
    const own = made.filter((one) => one.generation === generation);
    return [own[0], own[Math.floor(own.length / 2)], own.at(-1)].filter((one) => one !== undefined);
  });
  const updates = chosen.map((one) => stack.use(new Updates(server, pathOf(one), 1_000)));
  await killRuns(node, args, folder);
  const begun = performance.now();
  const done = await node.command(...args, "--json");
  equal(done.code, 0, done.stdout + done.stderr);
  const report = JSON.parse(done.stdout);
  deepEqual([report.resumed, report.keyId, report.refusals], [true, keyId, []]);
  equal(await Deno.stat(join(folder, "rewrite.json")).catch(() => undefined), undefined);
  say(`the last run took ${seconds(performance.now() - begun)}`);
  for (const one of updates) await one.end();
  const { lost, failures, written: created } = await load.stop();
  deepEqual([lost, failures], [0, []]);
  printFigure(
    "writes beside the rewrite",
    `${updates.reduce((sum, { stored }) => sum + stored, 0)} updates of ${updates.length} Secrets, ${created.size} new`,
  );
  assertNothingOnTheWire(proxy, kubeconfig);
  await assertSearchFinds(site, proxy, made.find(({ isApplied }) => isApplied) ?? chosen[0] as MadeSecret);
  const written: Written = { counters: updates.map(({ path, stored }) => ({ path, stored })), created };
  return written;
}

/** No value is among the bytes that the proxy has recorded, and none of them is compressed. */
function assertNothingOnTheWire(proxy: RecordingProxy, kubeconfig: string): void {
  const { recorded } = proxy;
  const bytes = recorded.reduce((sum, { value }) => sum + value.length, 0);
  printFigure("recorded between rewrite and the API server", `${recorded.length} messages, ${bytes} bytes`);
  ok(recorded.length >= 2 * total, kubeconfig);
  deepEqual(exposures(recorded, marker), []);
  deepEqual(exposures(recorded, "last-applied-configuration"), []);
  equal(
    recorded.some(({ value }) => /content-encoding/i.test(new TextDecoder().decode(value.subarray(0, 2_000)))),
    false,
  );
}

/** The same search finds a value, and the annotation with it, where the proxy has forwarded one. */
async function assertSearchFinds(site: GenerationSite, proxy: RecordingProxy, secret: MadeSecret): Promise<void> {
  const before = proxy.recorded.length;
  const { users: [{ user: { token } }] } = JSON.parse(await Deno.readTextFile(site.cluster.server.kubeconfig));
  using client = Deno.createHttpClient({ caCerts: [proxy.authority.certificate] });
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${proxy.address}${pathOf(secret)}`, { client, headers });
  equal(answer.status, 200, await answer.text());
  const read = proxy.recorded.slice(before);
  const forms = exposures(read, marker).map(({ form }) => form);
  ok(forms.includes("plain") && forms.some((form) => form.startsWith("base64")), forms.join());
}

/** Reads every Secret by the API, and compares its value, its annotation and its counter. */
async function assertAllThere(site: GenerationSite, made: readonly MadeSecret[], written: Written): Promise<void> {
  const counters = new Map(written.counters.map(({ path, stored }) => [path, stored]));
  type Item = {
    metadata: { namespace: string; name: string; annotations?: Record<string, string> };
    data: Record<string, string>;
  };
  const found = new Map<string, Item>();
  for (const namespace of [...namespaces, "default"]) {
    const { status, body } = await site.cluster.server.request("GET", `/api/v1/namespaces/${namespace}/secrets`);
    equal(status, 200, body);
    for (const item of JSON.parse(body).items as Item[]) found.set(pathOf(item.metadata), item);
  }
  equal(found.size, made.length + written.created.size);
  for (const one of made) {
    const path = pathOf(one);
    const item = found.get(path);
    equal(atob(item?.data["value"] ?? ""), one.value, path);
    const annotation = item?.metadata.annotations?.["kubectl.kubernetes.io/last-applied-configuration"];
    equal(annotation, one.isApplied ? lastApplied(one) : undefined, path);
    const stored = counters.get(path);
    equal(item?.data["counter"], stored === undefined ? undefined : btoa(`${stored}`), path);
  }
  for (const [name, value] of written.created) {
    equal(atob(found.get(pathOf({ namespace: "default", name }))?.data["value"] ?? ""), value, name);
  }
}

/** Opens both snapshots by each provider alone, and by the recovery key when the KEK is deleted. */
async function assertOpened(parts: Parts, made: readonly MadeSecret[], before: string, after: string): Promise<void> {
  const { node, kms, vault, local, safe } = parts;
  const of = (generation: Generation) => made.find((one) => one.generation === generation && one.isApplied) ?? made[0];
  const showAll = async (opener: SnapshotReader, ...which: Generation[]) => {
    for (const generation of which) await opener.assertShows(before, of(generation) as MadeSecret);
    await opener.assertShows(after, of("aesgcm") as MadeSecret);
  };
  await using gate = await Gate.open(kms.address);
  const byVault = await SnapshotReader.of(node, [{ ...vault, address: gate.address }]);
  const all = await byVault.drill(before, 0);
  deepEqual([all.encrypted, all.opened, all.closed], [3 * perGeneration, 3 * perGeneration, 0]);
  deepEqual([all.configured, all.providers.map(({ objects }) => objects)], [perGeneration, [3 * perGeneration]]);
  const unwraps = gate.passages.filter(({ path }) => path.includes("/decrypt/")).length;
  printFigure("seeds in the snapshot, and calls of Vault to open them", `${all.seeds}, ${unwraps}`);
  equal((await byVault.drill(after, 0)).closed, 0);
  await showAll(byVault, "v1beta1", "plain", "foreign", "v2");
  say("opened by Vault alone");

  const byLocal = await SnapshotReader.of(node, [local]);
  const most = await byLocal.drill(before, 1);
  deepEqual([most.opened, most.closed], [2 * perGeneration, perGeneration]);
  deepEqual([(await byLocal.drill(after, 0)).closed], [0]);
  await showAll(byLocal, "v1beta1", "plain", "v2");
  say("opened by the local key alone");

  await kms.deleteKey();
  await Deno.remove(join(node.folder, "local.keys"));
  const none = await byVault.drill(after, 1);
  deepEqual([none.opened, none.closed], [0, none.encrypted]);
  ok(none.providers[0]?.error !== null);
  const fresh = { name: "new", kind: "local", keyFile: join(node.folder, "new.keys"), create: true };
  for (const usable of [fresh, vault]) {
    const byRecovery = await SnapshotReader.of(node, [usable, safe], "--recovery-key", parts.recoveryKey);
    const { opened, closed } = await byRecovery.drill(before, 1);
    deepEqual([opened, closed], [2 * perGeneration, perGeneration]);
    equal((await byRecovery.drill(after, 0)).closed, 0);
    await showAll(byRecovery, "v1beta1", "plain", "v2");
  }
  say("opened by the recovery key, with the KEK deleted in Vault");
}

Deno.test(`${total} Secrets of five generations are counted, rewritten by a run that is killed ${kills} times, and opened without a cluster`, async () => {
  await using node = await Node.make();
  await using kms = await vaultKms();
  const { privateKey, publicKey } = await new Hpke().newKeyPair();
  const parts: Parts = {
    node,
    kms,
    vault: await kms.entry(node),
    local: { name: "local", ...{ kind: "local", keyFile: join(node.folder, "local.keys"), create: true } },
    safe: { name: "safe", ...{ kind: "recovery", recipients: [publicKeyText(publicKey)] } },
    recoveryKey: await node.write("recovery.key", `${privateKeyText(privateKey)}\n`),
  };
  const [before, after] = ["before.db", "after.db"].map((name) => join(node.folder, name)) as [string, string];
  let made: readonly MadeSecret[];
  {
    const { vault, local, safe } = parts;
    await using plugin = await node.start({ providers: [vault, local, safe], probe: { interval: "1s" } });
    await using site = await GenerationSite.start(node, kms);
    const filled = await fill(parts, site, plugin);
    made = filled.made;
    await kms.rotate();
    const keyId = await nextKeyId(plugin, filled.keyIds.v2 ?? "");
    const old = await compared(node, site.cluster.etcd.url, before, keyId, 1);
    assertGenerations(old.rows, old.table, filled.keyIds);
    say("verify of etcd and of the snapshot equals etcdctl and bbolt, row by row");

    await site.turnTo("v2");
    const written = await rewritten(parts, site, keyId, made);
    const { rows } = await compared(node, site.cluster.etcd.url, after, keyId, 0);
    deepEqual(countsOf(rows), { [`${prefixes.v2} ${keyId}`]: total + written.created.size });
    await assertAllThere(site, made, written);
    say("every object is under the new key ID, and no write is lost");
  }
  await assertOpened(parts, made, before, after);
});

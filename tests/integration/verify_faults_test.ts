/**
 * `trousseau verify` on a real etcd that goes away, compacts, refuses or belongs to another cluster.
 *
 * @module
 */
import { equal, match, ok } from "node:assert/strict";
import { base64, utf8 } from "../../lib/base/bytes.ts";
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import { run } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { type EtcdCluster, startCluster } from "../support/etcd.ts";
import { openGate } from "../support/etcd_gate.ts";
import { openExpired } from "../support/expired_server.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";

/** Runs `trousseau verify`. */
const verified = (...words: string[]) => verifiedBy(systemClock, ...words);

async function verifiedBy(clock: Clock, ...words: string[]) {
  const terminal = fakeTerminal({ clock });
  const status = await run(["verify", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

/** Four pages of Secrets. */
async function fill(etcd: EtcdCluster): Promise<void> {
  await Promise.all(Array.from({ length: 200 }, async (_, at) => {
    const key = base64(utf8(`/registry/secrets/a/secret-${at}`));
    await etcd.api("/v3/kv/put", { key, value: base64(utf8("k8s:enc:aesgcm:v1:k1:")) });
  }));
}

/** Compacts all revisions but the newest one. */
async function compact(etcd: EtcdCluster): Promise<void> {
  const { header } = await etcd.api("/v3/kv/put", { key: base64(utf8("/other")), value: "" });
  await etcd.api("/v3/kv/compaction", { revision: (header as { readonly revision: string }).revision });
}

Deno.test("verify() ends with 69 and one sentence if etcd compacts or goes away in the middle, and prints no count", async () => {
  await using etcd = await startCluster();
  await fill(etcd);
  await using gate = await openGate(etcd);
  equal((await verified("--etcd", gate.endpoint)).status, 0);
  const middle = (work: () => void | Promise<void>) => {
    let left = 2;
    gate.onRead = () => --left === 0 ? work() : undefined;
  };
  middle(() => compact(etcd));
  const compacted = await verified("--etcd", gate.endpoint);
  equal(compacted.status, 69, compacted.err);
  match(
    compacted.err,
    /^trousseau: .* revision \d+ was compacted in the middle; try again with a higher --rate[^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
  equal(compacted.out, "");
  middle(() => void (gate.isDown = true));
  const lost = await verified("--etcd", gate.endpoint);
  equal(lost.status, 69, lost.err);
  match(
    lost.err,
    /^trousseau: Cannot read the objects in etcd: etcd at http:\/\/127\.0\.0\.1:\d+ [^\n]+\.\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
  equal(lost.out, "");
});

Deno.test("verify() reads no more objects a second than --rate says", async () => {
  await using etcd = await startCluster();
  await fill(etcd);
  await using gate = await openGate(etcd);
  let [slept, reads] = [0, 0];
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + slept,
    sleep: (ms: number) => Promise.resolve(void (slept += ms)),
  };
  const began = clock.now();
  // The last page needs no pause behind it.
  gate.onRead = () => void reads++;
  equal((await verifiedBy(clock, "--etcd", gate.endpoint, "--rate", "10")).status, 0);
  ok(reads > 2, `${reads} pages`);
  const seconds = (clock.now() - began) / 1_000;
  ok(seconds >= 0.9 * (200 / 10) * (reads - 1) / reads, `${seconds} s for 200 objects`);
});

Deno.test("verify() does not go on at the member of another cluster", async () => {
  await using one = await startCluster();
  await using other = await startCluster();
  await Promise.all([fill(one), fill(other)]);
  await fill(other);
  await using first = await openGate(one);
  await using second = await openGate(other);
  first.onRead = (nth) => void (first.isDown = nth === 2);
  const { status, out, err } = await verified("--etcd", `${first.endpoint},${second.endpoint}`);
  equal(status, 78, out + err);
  match(
    err,
    /^Cannot read the objects in etcd: [^\n]+ belong to two clusters; [^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
  equal(out, "");
});

Deno.test("verify() ends with 69 and one sentence if its client certificate, or that of etcd, has expired", async () => {
  await using etcd = await startCluster();
  const { caFile = "" } = etcd.settings.tls;
  const expired = etcd.authority.issue({ commonName: "127.0.0.1", names: ["127.0.0.1"], days: -1 });
  const [certificate, key] = [`${etcd.folder}/expired.pem`, `${etcd.folder}/expired.key`];
  await Deno.writeTextFile(certificate, expired.certificate);
  await Deno.writeTextFile(key, expired.key);
  const endpoint = etcd.settings.endpoints.join();
  const refused = await verified("--etcd", endpoint, "--cacert", caFile, "--cert", certificate, "--key", key);
  equal(refused.status, 69, refused.err);
  // etcd of Debian is built by a Go that answers bad_certificate.
  match(
    refused.err,
    /^trousseau: [^\n]+ refuses the client certificate [^\n]+ expired[^\n]*\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
  await using server = await openExpired(expired);
  const untrusted = await verified("--etcd", server.address, "--cacert", caFile);
  equal(untrusted.status, 69, untrusted.err);
  match(
    untrusted.err,
    /^trousseau: Cannot read the objects in etcd: [^\n]+ expired [^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
  equal(refused.out + untrusted.out, "");
});

Deno.test("verify() ends with 77 and one sentence if etcd has users and refuses", async () => {
  await using etcd = await startCluster();
  await etcd.api("/v3/auth/user/add", { name: "root", password: "root" });
  await etcd.api("/v3/auth/role/add", { name: "root" });
  await etcd.api("/v3/auth/user/grant", { user: "root", role: "root" });
  await etcd.api("/v3/auth/enable", {});
  for (const { endpoints, tls } of [etcd.settings, etcd.nameless]) {
    const { caFile = "", certificateFile = "", keyFile = "" } = tls;
    const files = ["--cacert", caFile, "--cert", certificateFile, "--key", keyFile];
    const { status, out, err } = await verified("--etcd", endpoints.join(), ...files);
    equal(status, 77, err);
    match(
      err,
      /^trousseau: Cannot read the objects in etcd: etcd at https:\S+ refuses: [^\n]+\.\nRun "\w+ help error \S+" for cause and cure\.\n$/,
    );
    equal(out, "");
  }
});

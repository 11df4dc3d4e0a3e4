/**
 * Files that are no intact snapshot, by each command that reads one.
 *
 * @module
 */
import { equal, match } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { gzipSync } from "node:zlib";
import { base64, concat, sha256, utf8 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { run } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { etcdSnapshot } from "../../lib/net/etcd/etcd_maintenance.ts";
import { boltFile } from "../support/bolt_pages.ts";
import { startCluster } from "../support/etcd.ts";
import { etcdRow } from "../support/etcd_rows.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";
import { TemporaryConfig } from "../support/temporary_config.ts";

const commands = [
  ["verify"],
  ["verify", "--all-revisions", "--freed"],
  ["decrypt", "--check"],
  ["decrypt", "/registry/secrets/a/secret-1"],
] as const;

/** A database with branch pages, leaves, and values of several pages. */
function database(): Uint8Array {
  const rows = Array.from({ length: 14 }, (_, at) => {
    return etcdRow({ revision: at + 2, key: `/registry/secrets/a/secret-${at}`, value: new Uint8Array(at * 200) });
  });
  return boltFile("key", rows);
}

/** Runs every command on a file. @throws {AssertionError} if one ends with another status, or without a sentence. */
async function allRefuse(config: TemporaryConfig, bytes: Uint8Array, what: string): Promise<void> {
  const path = `${config.folder}/bad.db`;
  await Deno.writeFile(path, bytes);
  for (const [command, ...words] of commands) {
    const { status, out, err } = await config.run(command, "--snapshot", path, ...words);
    equal(status, 65, `${command} ${words.join(" ")} of ${what}: ${out}${err}`);
    match(err, /^trousseau: [^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/, what);
    equal(out, "", what);
  }
}

Deno.test("a snapshot that is cut at any page is refused with 65 by each command, with and without its SHA-256", async () => {
  await using config = await TemporaryConfig.make({});
  const whole = database();
  for (let length = 0; length < whole.length; length += 1024) {
    const cut = whole.subarray(0, length);
    await allRefuse(config, cut, `${length} bytes`);
    // As if somebody had made a hash of what was left.
    if (length > 0) await allRefuse(config, concat(cut, sha256(cut)), `${length} bytes with a hash of their own`);
  }
});

Deno.test("a snapshot of a real etcd is refused with 65 wherever it is cut, and where a byte lacks or is added", async () => {
  await using etcd = await startCluster();
  await Promise.all(Array.from({ length: 60 }, async (_, at) => {
    const key = base64(utf8(`/registry/secrets/a/secret-${at}`));
    await etcd.api("/v3/kv/put", { key, value: base64(new Uint8Array(at * 50)) });
  }));
  const path = `${etcd.folder}/snapshot.db`;
  using client = await EtcdClient.open(etcd.settings, systemClock, () => {});
  const call = { signal: AbortSignal.timeout(30_000), action: "save a snapshot" };
  const whole = concat(...await Array.fromAsync(etcdSnapshot(client, call)));
  const verified = async (bytes: Uint8Array) => {
    await Deno.writeFile(path, bytes);
    const terminal = fakeTerminal();
    const status = await run(["verify", "--snapshot", path], trousseau, terminal);
    return { status, out: terminal.out(), err: terminal.err() };
  };
  equal((await verified(whole)).status, 0);
  const pages = Array.from({ length: Math.floor(whole.length / 4096) }, (_, at) => whole.subarray(0, at * 4096));
  const others = [
    whole.subarray(0, -1),
    concat(whole, Uint8Array.of(0)),
    whole.subarray(4096),
    whole.subarray(0, -32 - 512),
  ];
  for (const bytes of [...pages, ...others]) {
    const { status, out, err } = await verified(bytes);
    equal(status, 65, `${bytes.length} of ${whole.length} bytes: ${out}${err}`);
    match(
      err,
      /^trousseau: [^\n]+; take another copy\.\nRun "\w+ help error \S+" for cause and cure\.\n$|^trousseau: [^\n]+ Name the file of [^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/,
    );
  }
});

Deno.test("a snapshot with one flipped bit is refused with 65 by each command", async () => {
  await using config = await TemporaryConfig.make({});
  const whole = database();
  const snapshot = concat(whole, sha256(whole));
  for (let at = 0; at < snapshot.length; at += 1_999) {
    await allRefuse(config, snapshot.map((byte, index) => index === at ? byte ^ 0x10 : byte), `byte ${at}`);
  }
});

Deno.test("a file of another program is refused with 65 by each command", async () => {
  await using config = await TemporaryConfig.make({});
  const path = `${config.folder}/other.sqlite`;
  using sqlite = new DatabaseSync(path);
  sqlite.exec("CREATE TABLE a (b); INSERT INTO a VALUES (1)");
  const whole = database();
  const others = {
    "SQLite": await Deno.readFile(path),
    "gzip": gzipSync(whole),
    "text": utf8("another program's file\n".repeat(100)),
    "zeros": new Uint8Array(1 << 16),
    "JSON": utf8(JSON.stringify({ kind: "List" })),
    "bbolt without etcd's bucket": boltFile("raft", [[utf8("a"), utf8("b")]]),
  };
  for (const [what, bytes] of Object.entries(others)) await allRefuse(config, bytes, what);
});

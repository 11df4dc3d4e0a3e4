/**
 * A keyring whose store, key file, disk or audit is not as it should be: one sentence, the right status, and nothing lost.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fullDisk } from "../support/full_disk.ts";
import { withoutHelp } from "../support/help_line.ts";
import { waitFor } from "../support/processes.ts";
import { keyringPrograms, KeyringSite } from "./harness/keyring.ts";

const programs = await keyringPrograms();

async function write(site: KeyringSite, path: string, value = "value of the test"): Promise<number> {
  const body = { fields: { p: { kind: "text", value } } };
  return (await site.call("POST", `/api/v1/secrets/${path}`, body)).status;
}

async function read(site: KeyringSite, path: string): Promise<string | undefined> {
  return (await site.call("GET", `/api/v1/secrets/${path}`)).body?.fields?.p?.value;
}

Deno.test("the files of a keyring are its user's alone, and its admin socket lies in a folder that no other user enters", async () => {
  await using site = await KeyringSite.make(programs);
  await site.configure({ keyring: { listen: `127.0.0.1:${site.port}` } });
  await site.start();
  const modes = {
    "admin": 0o700,
    "admin/admin.sock": 0o600,
    "store": 0o700,
    "store/keyring.db": 0o600,
    "state": 0o700,
  };
  for (const [name, mode] of Object.entries({ ...modes, "audit.jsonl": 0o600, "local.keys": 0o600 })) {
    const { mode: found } = await Deno.lstat(join(site.folder, name));
    equal(((found ?? 0) & 0o777).toString(8), mode.toString(8), name);
  }
});

/** A site with one secret, whose server has ended. */
async function stopped(): Promise<KeyringSite> {
  const site = await KeyringSite.make(programs);
  await site.start();
  equal(await write(site, "db/john"), 201);
  equal(await site.stop(), 0, site.log);
  return site;
}

/** Starts a server that must end by itself. @returns its exit status and the sentence. */
async function refusedStart(site: KeyringSite): Promise<{ readonly code: number; readonly sentence: string }> {
  await using server = site.spawn();
  const { code } = await server.exited;
  const lines = server.output.split("\n").map((line) => line.replace(/^trousseau: /, ""))
    .filter((line) => /^Cannot /.test(line));
  equal(lines.length, 1, server.output);
  return { code, sentence: lines[0] ?? "" };
}

async function contentOf(path: string): Promise<string> {
  return Buffer.from(await Deno.readFile(path)).toString("base64");
}

Deno.test("a store that is truncated, newer or of another program is refused with 78, and stays as it is", async () => {
  await using site = await stopped();
  const sound = await Deno.readFile(site.store);
  ok(sound.length > 4_096);
  const newer = sound.slice();
  new DataView(newer.buffer).setUint32(60, 2);
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["no header", sound.slice(0, 50), /truncated to 50 bytes; restore a backup\.$/],
    ["cut", sound.slice(0, sound.length - 4_096), /truncated to \d+ of \d+ bytes; restore a backup\.$/],
    ["newer", newer, /it has format 2, and this version knows 1; use the version that wrote it\.$/],
    ["foreign", new Uint8Array(sound.length).fill(1), /it is no store of the keyring; name another path\.$/],
  ];
  for (const [name, bytes, says] of cases) {
    await Deno.writeFile(site.store, bytes);
    const before = await contentOf(site.store);
    const { code, sentence } = await refusedStart(site);
    equal(code, 78, `${name}: ${sentence}`);
    match(sentence, says, name);
    equal(await contentOf(site.store), before, name);
    const verified = await site.operator("verify");
    ok(verified.code !== 0, name);
    match(withoutHelp(verified.stderr).trimEnd(), says, name);
  }
  await Deno.writeFile(site.store, sound);
  await site.start();
  equal(await read(site, "db/john"), "value of the test");
});

Deno.test("a store whose rows were changed answers integrity, never not found, and verify says so", async () => {
  await using site = await stopped();
  const bytes = await Deno.readFile(site.store);
  const database = new DatabaseSync(site.store);
  // The table of values.
  const changed = database.prepare("UPDATE row SET bytes = randomblob(length(bytes)) WHERE tbl = 5").run();
  database.close();
  equal(Number(changed.changes), 1);
  await site.start();
  const answer = await site.call("GET", "/api/v1/secrets/db/john");
  deepEqual([answer.status, answer.body.type], [500, "urn:trousseau:problem:integrity"], answer.text);
  const shown = await site.clectl(["get", "db/john", "-f", "p", "-o", "raw", "--show"]);
  equal(shown.code, 70, shown.stderr);
  equal(shown.stdout, "");
  await site.stop();
  equal((await site.operator("verify")).code, 1);
  await Deno.writeFile(site.store, bytes);
  const earlier = await site.operator("verify");
  equal(earlier.code, 1);
  match(earlier.stdout, /put back to an older state/, "the copy is older than the checkpoint of the last stop");
  await Deno.remove(join(site.folder, "state/checkpoint"));
  equal((await site.operator("verify")).code, 0);
});

Deno.test("a store of another installation, without its key file, opens nothing, and no key file is made over it", async () => {
  await using first = await stopped();
  await using other = await KeyringSite.make(programs);
  await Deno.mkdir(join(other.folder, "store"), { mode: 0o700 });
  await Deno.copyFile(first.store, other.store);
  await Deno.chmod(other.store, 0o600);
  const { code, sentence } = await refusedStart(other);
  equal(code, 78, sentence);
  match(sentence, /^Cannot open the store: /);
  // With its key file it opens.
  await Deno.copyFile(join(first.folder, "local.keys"), join(other.folder, "local.keys"));
  await Deno.remove(join(other.folder, "state"), { recursive: true });
  await other.start();
  equal(await read(other, "db/john"), "value of the test");
});

Deno.test("a second server on the same store is refused and named, and the first one serves on", async () => {
  await using site = await KeyringSite.make(programs);
  await site.start();
  equal(await write(site, "db/john"), 201);
  const original = await Deno.readTextFile(site.config);
  const other = join(site.folder, "other/admin.sock");
  const config = JSON.parse(original);
  config.keyring = { ...config.keyring, adminSocket: other, audit: join(site.folder, "other.jsonl") };
  await Deno.writeTextFile(site.config, JSON.stringify(config));
  const { code, sentence } = await refusedStart(site);
  equal(code, 69, sentence);
  match(
    sentence,
    new RegExp(`Cannot open the store at ".*": .*${site.server.pid}.* has it open; stop that one first\\.$`),
  );
  const verified = await site.operator("verify");
  equal(verified.code, 69, verified.stderr);
  match(verified.stderr, /has it open; stop that one first/);
  await Deno.writeTextFile(site.config, original);
  equal(await read(site, "db/john"), "value of the test");
});

Deno.test("a full disk refuses writes with one sentence, reads are served, and writes go on when there is room", async () => {
  await using site = await KeyringSite.make(programs);
  const folder = join(site.folder, "disk");
  await Deno.mkdir(folder, { mode: 0o700 });
  await using disk = await fullDisk(folder);
  await site.configure({ keyring: { store: join(folder, "store"), audit: join(site.folder, "audit.jsonl") } });
  const server = await site.beginWith((options) => disk.start(options));
  await site.ready();
  equal(await write(site, "db/john"), 201);
  await disk.fill();
  const refused: string[] = [];
  for (let count = 0; count < 40; count++) {
    const body = { fields: { p: { kind: "text", value: "x".repeat(20_000) } } };
    const answer = await site.call("POST", `/api/v1/secrets/full/${count}`, body);
    if (answer.status === 201) continue;
    equal(answer.status, 503, answer.text);
    match(answer.body.detail, /^Cannot [^\n]*\.$/);
    refused.push(`full/${count}`);
  }
  ok(refused.length > 20, `${refused.length} of 40 writes were refused`);
  equal(await read(site, "db/john"), "value of the test", server.tail);
  const shown = await site.clectl(["create", "full/more", "-f", "p", "--stdin"], "x".repeat(20_000));
  equal(shown.code, 69, shown.stderr);
  match(shown.stderr, /disk is full|too large/);
  if (await Deno.remove(join(folder, "filler")).then(() => true, () => false)) {
    equal(await write(site, "db/after"), 201);
  }
  for (const path of refused) equal((await site.call("GET", `/api/v1/secrets/${path}`)).status, 404, path);
});

/** Makes the audit unwritable. @returns mends it, as an operator does. */
async function breakAudit(site: KeyringSite): Promise<() => void> {
  await Deno.remove(join(site.folder, "audit.jsonl"));
  return () => site.server.signal("SIGHUP");
}

Deno.test("an audit that cannot be written refuses requests, keeps health, and goes on after SIGHUP", async () => {
  await using site = await KeyringSite.make(programs);
  await site.start();
  equal(await write(site, "db/john"), 201);
  const mend = await breakAudit(site);
  const answer = async () => await site.call("GET", "/api/v1/secrets/db/john");
  await waitFor("the refusal", async () => (await answer()).status === 503, { timeoutMs: 30_000 });
  const refused = await answer();
  equal(refused.body.type, "urn:trousseau:problem:audit_unavailable", refused.text);
  match(refused.body.detail, /^[A-Z][^\n]*audit[^\n]*\.$/);
  ok(!refused.text.includes("value of the test"));
  equal(await write(site, "db/new"), 503);
  const health = await site.clectl(["health", "-o", "json"]);
  equal(health.code, 69, health.stderr);
  match(health.stdout, /"name": ?"audit",\s*"state": ?"failed"/);
  equal((await site.call("GET", "/livez")).status, 200);
  mend();
  await waitFor("the answers", async () => (await answer()).status === 200, { timeoutMs: 30_000 });
  const found = (await site.call("GET", "/api/v1/secrets/db/new")).status;
  equal(found, 404, "the write that was refused");
});

Deno.test("an audit that cannot be written lets requests pass with auditFailure: continue, and health says so", async () => {
  await using site = await KeyringSite.make(programs, { keyring: { auditFailure: "continue" } });
  await site.start();
  equal(await write(site, "db/john"), 201);
  await breakAudit(site);
  for (let count = 0; count < 5; count++) equal(await read(site, "db/john"), "value of the test");
  equal(await write(site, "db/new"), 201);
  const failed = async () => /audit +failed/.test((await site.clectl(["health"])).stdout);
  await waitFor("the state of the audit", failed, { timeoutMs: 60_000 });
});

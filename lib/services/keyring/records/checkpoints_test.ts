import { deepEqual, equal, match, ok } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { TestStore } from "../../../../tests/support/keyring_store.ts";
import type { MemoryEngine } from "../../../../tests/support/memory_engine.ts";
import { exactText, utf8 } from "../../../base/bytes.ts";
import type { RowWrite } from "../engine/engine.ts";
import { verifiedCheckpoint } from "./checkpoint.ts";
import { checkpointFindings, Checkpoints, forgetCheckpoint } from "./checkpoints.ts";
import type { RecordCodec } from "./records.ts";
import { reseal } from "./reseal.ts";

const { signal } = new AbortController();
const { privateKey: signingKey, publicKey } = generateKeyPairSync("ed25519");
const codec: RecordCodec<string> = { table: "enrolment", encode: utf8, decode: exactText };

/** A store with a checkpoint of an orderly stop, in a folder. */
class Stage implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly path = `${Deno.makeTempDirSync()}/checkpoint`;
  readonly findings: string[] = [];
  stage = new TestStore({ clock: this.clock });

  async write(name: string, value: string): Promise<void> {
    await this.clock.advance(1_000);
    await this.stage.store.transaction((tx) => Promise.resolve(tx.put(codec, utf8(name), value)), signal);
  }

  async delete(name: string): Promise<void> {
    await this.clock.advance(1_000);
    await this.stage.store.transaction((tx) => Promise.resolve(tx.delete(codec, utf8(name))), signal);
  }

  row(name: string): RowWrite {
    const row = this.stage.engine.row({ table: "enrolment", key: utf8(name) });
    ok(row);
    return { table: row.table, key: row.key, bytes: row.bytes.slice() };
  }

  /** A start of a server with a first write, and its first run. */
  async start(work: () => Promise<void> = () => Promise.resolve()): Promise<Checkpoints> {
    this.stage = this.stage.again();
    const { store } = this.stage;
    const { path, findings } = this;
    const checkpoints = new Checkpoints({ store, path, signingKey, onFinding: (text) => void findings.push(text) });
    await store.ready(signal);
    const begun = await checkpoints.begin(signal);
    await this.write("server", "started");
    await work();
    await checkpoints.run(signal, begun);
    return checkpoints;
  }

  get engine(): MemoryEngine {
    return this.stage.engine;
  }

  verify(): Promise<readonly string[]> {
    return checkpointFindings({ store: this.stage.again().store, path: this.path, signingKey }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
    await Deno.remove(this.path.replace(/\/checkpoint$/, ""), { recursive: true });
  }
}

/** Three enrolments, of which one was revoked, and an orderly stop. */
async function stopped(): Promise<Stage & { readonly former: RowWrite }> {
  const stage = new Stage();
  const first = await stage.start();
  for (const name of ["anna", "bert", "carl"]) await stage.write(name, "active");
  const former = stage.row("anna");
  await stage.write("anna", "revoked");
  await first.run(signal);
  deepEqual(stage.findings, []);
  return Object.assign(stage, { former });
}

Deno.test("a revocation that is taken back between two starts is found, and stays found until its file is removed", async () => {
  await using stage = await stopped();
  stage.engine.tamper(stage.former);
  match((await stage.verify()).join(), /1 row was put back to an older state \(enrolment\)/);
  const checkpoints = await stage.start();
  equal(stage.findings.length, 1);
  match(
    checkpoints.finding ?? "",
    /^Since the checkpoint of 2.*, 1 row was put back to an older state \(enrolment\): find out/,
  );
  equal((await stage.start()).finding, checkpoints.finding);
  equal(stage.findings.length, 1, "it is a difference once");
  deepEqual(await stage.verify(), [checkpoints.finding]);
  await Deno.remove(`${stage.path}.finding`);
  equal((await stage.start()).finding, undefined);
  deepEqual(await stage.verify(), []);
});

Deno.test("a row that is missing, and one that had been deleted, are found after an orderly stop", async () => {
  await using stage = await stopped();
  const bert = stage.row("bert");
  stage.engine.tamper({ table: "enrolment", key: utf8("bert"), bytes: undefined });
  match((await stage.verify()).join(), /1 row is missing \(enrolment\)/);
  stage.engine.tamper(bert);
  const second = await stage.start();
  equal(second.finding, undefined);
  await stage.delete("bert");
  await second.run(signal);
  stage.engine.tamper(bert);
  match((await stage.verify()).join(), /1 row was put back/);
});

Deno.test("the whole store as it was earlier is found", async () => {
  await using stage = await stopped();
  const before = stage.engine.copy();
  const second = await stage.start();
  await stage.write("dora", "active");
  await second.run(signal);
  const at = new TestStore({ engine: before, provider: stage.stage.provider, clock: stage.clock });
  const found = await checkpointFindings({ store: at.store, path: stage.path, signingKey }, signal);
  match(found.join(), /1 row was put back .*, and 1 row is missing/);
  await at[Symbol.asyncDispose]();
});

Deno.test("changes of a server that crashed are no finding, and a row that is put back after them is one", async () => {
  await using stage = await stopped();
  await stage.start();
  await stage.write("dora", "active");
  await stage.write("carl", "changed");
  await stage.delete("bert");
  deepEqual(await stage.verify(), []);
  // A clock that was set back does not make its writes look old.
  stage.clock.setWall(stage.clock.wall() - 3_600_000);
  const again = await stage.start(async () => {
    await stage.write("emil", "active");
    await stage.delete("carl");
  });
  equal(again.finding, undefined);
  stage.engine.tamper(stage.former);
  match((await stage.verify()).join(), /put back/);
});

Deno.test("a reseal changes nothing that a checkpoint covers", async () => {
  await using stage = await stopped();
  await reseal(stage.stage.store, { signal, contexts: {} });
  deepEqual(await stage.verify(), []);
});

Deno.test("a changed file of the checkpoint is a finding, and none is not", async () => {
  await using stage = await stopped();
  const sound = await Deno.readFile(stage.path);
  for (const at of [0, 4, 20, sound.length - 100, sound.length - 1]) {
    const changed = sound.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    await Deno.writeFile(stage.path, changed);
    match((await stage.verify()).join(), /was changed, or is one of another store/, `byte ${at}`);
  }
  for (const length of [0, 1, 100, sound.length - 1]) {
    await Deno.writeFile(stage.path, sound.slice(0, length));
    match((await stage.verify()).join(), /was changed/, `${length} bytes`);
  }
  await forgetCheckpoint(stage.path);
  deepEqual(await stage.verify(), []);
});

Deno.test("the line of a checkpoint is signed, and changes with the rows", async () => {
  await using stage = await stopped();
  const checkpoints = await stage.start();
  const line = checkpoints.line ?? "";
  const known = verifiedCheckpoint(line, publicKey);
  equal(known?.rows, stage.engine.rows().length);
  ok(known.newestRevision < stage.stage.store.newestRevision, "the first write of the start came later");
  equal(verifiedCheckpoint(line.replace(/ \d+ /, " 1 "), publicKey), undefined);
  equal(verifiedCheckpoint("", publicKey), undefined);
  await checkpoints.run(signal);
  const next = verifiedCheckpoint(checkpoints.line ?? "", publicKey);
  ok(next && known && next.digest !== known.digest && next.newestRevision > known.newestRevision);
});

Deno.test("lists of many rows are read and written in parts", async () => {
  await using stage = await stopped();
  const bytes = stage.former.bytes;
  const rows = Array.from(
    { length: 9_000 },
    (_, index) => ({ table: "token", key: utf8(`key ${index} ${"x".repeat(40)}`), bytes }) as const,
  );
  stage.engine.tamper(...rows);
  const checkpoints = await stage.start();
  await forgetCheckpoint(stage.path);
  await checkpoints.run(signal);
  ok((await Deno.stat(stage.path)).size > 500_000);
  deepEqual(await stage.verify(), []);
  stage.engine.tamper({ table: "token", key: rows[7_000]?.key ?? bytes ?? utf8("none"), bytes: undefined });
  match((await stage.verify()).join(), /1 row is missing \(token\)/);
});

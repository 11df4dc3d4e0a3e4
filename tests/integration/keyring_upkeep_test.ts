/**
 * Work on the whole store of a server that runs: it goes on serving, and nothing is lost.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { tables } from "../../lib/services/keyring/engine/engine.ts";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { type AdminAnswer, adminCall } from "../support/admin_call.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

function call(stage: KeyringMachine, method: string, path: string, body?: unknown): Promise<AdminAnswer> {
  return adminCall(`${stage.folder}/admin.sock`, method, path, body);
}

function secret(value: string) {
  return { fields: { password: { kind: "text", value } } };
}

/** The IDs of the store keys under which the records are sealed. */
function sealKeys(stage: KeyringMachine): ReadonlySet<string> {
  using database = new DatabaseSync(`${stage.storeFolder}/keyring.db`, { readOnly: true });
  const rows = database.prepare("SELECT DISTINCT substr(bytes, 2, 8) AS id FROM row WHERE tbl <> ?").all(tables.key);
  return new Set(rows.map(({ id }) => (id as Uint8Array).toHex()));
}

/** Writes secrets one after the other until it is stopped. */
class Writer {
  readonly acknowledged = new Map<string, string>();
  readonly failed: string[] = [];
  #stopping = false;
  readonly #running: Promise<void>;

  constructor(stage: KeyringMachine, name: string) {
    this.#running = this.#run(stage, name);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #run(stage: KeyringMachine, name: string): Promise<void> {
    for (let count = 0; !this.#stopping; count++) {
      const path = `busy/${name}/${count % 40}`;
      const value = `${name} wrote ${count}`;
      const [method, status] = count < 40 ? ["POST", 201] : ["PUT", 200];
      const answer = await call(stage, String(method), `/api/v1/secrets/${path}`, secret(value));
      if (answer.status === status) this.acknowledged.set(path, value);
      else this.failed.push(answer.text);
    }
  }
}

Deno.test("reseal, reindex, rewrap and verify work on a server that runs, and writers lose nothing", () =>
  inFolder(async (folder) => {
    const stage = new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey);
    await stage.configure("a");
    await using server = stage.serve();
    await stage.ready(server);
    for (let index = 0; index < 300; index++) {
      equal((await call(stage, "POST", `/api/v1/secrets/still/${index}`, secret(`value ${index}`))).status, 201);
    }
    const before = sealKeys(stage);
    const writers = ["a", "b", "c", "d"].map((name) => new Writer(stage, name));
    const resealed = await stage.command("reseal");
    equal(resealed.code, 0, resealed.stderr);
    match(resealed.stdout, /^[1-9]\d\d+ records are sealed under new store keys\.$/m);
    match(resealed.stdout, /^Backups and the history of etcd still open under the old keys/m);
    const reindexed = await stage.command("reindex");
    equal(reindexed.code, 0, reindexed.stderr);
    match(reindexed.stdout, /^[1-9]\d+ rows of the index are under a new key\.$/m);
    const rewrapped = await stage.command("rewrap", "--json");
    equal(rewrapped.code, 0, rewrapped.stderr);
    ok(JSON.parse(rewrapped.stdout).keys >= 4);
    await Promise.all(writers.map((writer) => writer.stop()));
    deepEqual(writers.flatMap(({ failed }) => failed), []);

    const after = sealKeys(stage);
    deepEqual([...after].filter((id) => before.has(id)), [], "no record is under an old key");
    const verified = await stage.command("verify");
    equal(verified.code, 0, verified.stdout);
    match(verified.stdout, /all is sound/);
    const all = new Map(writers.flatMap(({ acknowledged }) => [...acknowledged]));
    for (let index = 0; index < 300; index++) all.set(`still/${index}`, `value ${index}`);
    for (const [path, value] of all) {
      const answer = await call(stage, "GET", `/api/v1/secrets/${path}`);
      equal(JSON.parse(answer.text).fields?.password?.value, value, path);
    }
    const metrics = await stage.page("/metrics");
    match(metrics, /^trousseau_keyring_requests_total\{route="secret.create",outcome="ok"\} [1-9]\d\d/m);
    match(metrics, /^trousseau_keyring_request_duration_seconds_count\{route="upkeep.run"\} 4$/m);
    await server.stop();
    equal((await stage.command("verify")).code, 0, "and without a server the store is opened by the command");
  }));

Deno.test("a reseal whose command is killed goes on with the next one; a rewrap with other providers is refused", () =>
  inFolder(async (folder) => {
    const stage = new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey);
    await stage.configure("a");
    await using server = stage.serve();
    await stage.ready(server);
    for (let index = 0; index < 200; index++) {
      await call(stage, "POST", `/api/v1/secrets/s/${index}`, secret(`${index}`));
    }
    const before = sealKeys(stage);
    // A client that hangs up ends the work of the server.
    const hangUp = ["--silent", "--max-time", "0.05", "--unix-socket", `${folder}/admin.sock`];
    const json = ["--header", "content-type: application/json", "--data", '{"job":"reseal"}'];
    notEqual((await run("curl", [...hangUp, ...json, "http://keyring/api/v1/upkeep"])).code, 0);
    const isFree = async () => (await stage.command("reseal")).code === 0;
    await waitFor("the end of the first reseal", isFree, { timeoutMs: 60_000 });
    deepEqual([...sealKeys(stage)].filter((id) => before.has(id)), []);
    equal(JSON.parse((await call(stage, "GET", "/api/v1/secrets/s/199")).text).fields.password.value, "199");

    await stage.configure("b");
    const refused = await stage.command("rewrap");
    equal(refused.code, 1);
    match(
      refused.stderr,
      /Cannot rewrap: the server has the providers a, safe, and the configuration names b, safe; restart/,
    );
  }));

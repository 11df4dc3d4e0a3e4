/**
 * A keyring whose store is changed between two starts by somebody who can write its file: the checkpoint shows it.
 *
 * @module
 */
import { doesNotMatch, equal, match, ok } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { tables } from "../../lib/services/keyring/engine/engine.ts";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

type Row = { readonly key: Uint8Array; readonly bytes: Uint8Array };

/** The rows of a table, past the server. */
function rowsOf(stage: KeyringMachine, table: keyof typeof tables): readonly Row[] {
  using database = new DatabaseSync(`${stage.storeFolder}/keyring.db`, { readOnly: true });
  return database.prepare("SELECT key, bytes FROM row WHERE tbl = ?").all(tables[table]) as unknown as Row[];
}

Deno.test("a revocation that is taken back while the server is stopped is found by verify, and at the next start", () =>
  inFolder(async (folder) => {
    const { publicKey } = await new Hpke().newKeyPair();
    const stage = new KeyringMachine(folder, publicKey);
    await stage.configure("a");
    const done = async (line: string) => {
      const { status, out, err } = await stage.clectl(line);
      equal(status, 0, err);
      return out;
    };
    await using first = stage.serve();
    await stage.ready(first);
    await Deno.writeTextFile(`${folder}/policy.yaml`, "roles: {reader: {rules: [{path: db, verbs: [read]}]}}\n");
    await done(`policy set ${folder}/policy.yaml`);
    await done("enrol anna --roles reader");
    const [enrolment] = JSON.parse(await done("identity list -o json"));
    const before = rowsOf(stage, "enrolment");
    equal(before.length, 1);
    await done(`identity revoke ${enrolment.id}`);
    await first.stop();
    match(first.output, /The audit is signed with the Ed25519 key [A-Za-z0-9+/=]{60}; keep it in another place/);
    equal((await stage.command("verify")).code, 0);

    await using second = stage.serve();
    await stage.ready(second);
    await second.stop();
    doesNotMatch(second.output, /The audit is signed/, "the key is printed once");
    doesNotMatch(second.output, /put back/);

    const changed = `UPDATE row SET bytes = ? WHERE tbl = ${tables.enrolment} AND key = ?`;
    {
      using database = new DatabaseSync(`${stage.storeFolder}/keyring.db`);
      for (const { key, bytes } of before) equal(database.prepare(changed).run(bytes, key).changes, 1);
    }
    const verified = await stage.command("verify");
    equal(verified.code, 1);
    match(verified.stdout, /Since the checkpoint of 2.*Z, 1 row was put back to an older state \(enrolment\)/);

    await using third = stage.serve();
    await stage.ready(third);
    const health = async () => (await stage.clectl("health")).out;
    await waitFor("the finding", async () => /^checkpoint +failed/m.test(await health()), { timeoutMs: 60_000 });
    match(await health(), /checkpoint +failed +Since the checkpoint of .* 1 row was put back/);
    await third.stop();
    const audit = await Deno.readTextFile(`${folder}/keyring/audit.jsonl`);
    const line = audit.split("\n").find((text) => text.includes('"action":"checkpoint"')) ?? "";
    match(line, /"result":"integrity".*1 row was put back/);
    ok(/"type":"head".*"checkpoint":"trousseau-checkpoint-1 /.test(audit), "signed lines carry the checkpoint");

    // It stays until an operator has settled it.
    await using fourth = stage.serve();
    await stage.ready(fourth);
    match(await health(), /checkpoint +failed/);
    await Deno.remove(`${folder}/keyring/checkpoint.finding`);
    await fourth.stop();
    equal((await stage.command("verify")).code, 0);
  }));

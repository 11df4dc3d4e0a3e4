import assert from "node:assert/strict";
import type { Event } from "../../telemetry/events.ts";
import { fileSource } from "../../config/secrets.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { watchedSource } from "./watched_source.ts";

Deno.test("watchedSource() warns once for each reason why a credential cannot be read", () =>
  inFolder(async (folder) => {
    const path = `${folder}/token`;
    await Deno.writeTextFile(path, "canary", { mode: 0o600 });
    const told: Event[] = [];
    const source = watchedSource(fileSource(path), "vault", (event) => told.push(event));
    const warnings = () => told.splice(0).map((event) => event.type === "lifecycle" ? event.message : "");
    assert.equal((await source.read()).reveal(), "canary");
    assert.deepEqual(warnings(), []);
    await Deno.chmod(path, 0o666);
    await assert.rejects(source.read());
    await assert.rejects(source.read());
    const [open, ...more] = warnings();
    assert.match(open ?? "", /^Provider "vault" goes on with the credential that it holds\. .*every user may write it/);
    assert.deepEqual(more, []);
    await Deno.chmod(path, 0o600);
    await Deno.writeTextFile(path, "");
    await assert.rejects(source.read());
    assert.match(warnings().join(), /it is empty/);
    await Deno.writeTextFile(path, "canary");
    await source.read();
    await Deno.writeTextFile(path, "");
    await assert.rejects(source.read());
    assert.match(warnings().join(), /it is empty/, "a reason that comes back is told again");
  }));

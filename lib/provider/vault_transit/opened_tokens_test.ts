import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Event } from "../../telemetry/events.ts";
import { Secret } from "../../base/secret.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { hashOf, OpenedTokens, type OpenedTokensOptions } from "./opened_tokens.ts";

function opened(stateFolder: string, options: Partial<OpenedTokensOptions> = {}) {
  const events: Event[] = [];
  const notify = (event: Event) => void events.push(event);
  const tokens = new OpenedTokens({ provider: "vault-eu", notify, stateFolder, scope: ["a"], ...options });
  return { tokens, events, path: `${stateFolder}/wrapping-tokens.json` };
}

const token = (name: string) => hashOf(new Secret(name));

Deno.test("find() returns the record of a token, or the last one, of its own login only", () =>
  inFolder(async (folder) => {
    const { tokens } = opened(folder);
    await tokens.note(token("one"), new Secret("secret-1"));
    await opened(folder, { scope: ["b"] }).tokens.note(token("two"), new Secret("secret-2"));
    assert.equal((await tokens.find(token("one")))?.secret?.reveal(), "secret-1");
    assert.equal(await tokens.find(token("two")), undefined);
    assert.equal((await tokens.find())?.hash, token("one"));
    await tokens.dropSecrets();
    assert.equal((await tokens.find())?.secret, undefined);
    assert.equal((await opened(folder, { scope: ["b"] }).tokens.find())?.secret?.reveal(), "secret-2");
  }));

Deno.test("note() keeps the newest 32 tokens, one secret for each login, and none that is very long", () =>
  inFolder(async (folder) => {
    const { tokens, path } = opened(folder);
    for (let count = 0; count < 40; count++) await tokens.note(token(`${count}`), new Secret(`secret-${count};`));
    const kept = JSON.parse(await Deno.readTextFile(path)).tokens;
    assert.equal(kept.length, 32);
    assert.deepEqual(kept.flatMap(({ secret }: { secret?: string }) => secret ?? []), ["secret-39;"]);
    assert.equal(await tokens.find(token("0")), undefined);
    await tokens.note(token("long"), new Secret("x".repeat(8 * 1024 + 1)));
    assert.equal((await tokens.find(token("long")))?.secret, undefined);
  }));

Deno.test("note() does not change a file that is damaged or of a newer format, and warns once", () =>
  inFolder(async (folder) => {
    for (const text of ["{", '{"format":2,"tokens":[]}', '{"format":1,"tokens":[{"login":"x"}]}']) {
      const { tokens, events, path } = opened(folder);
      await Deno.writeTextFile(path, text);
      assert.equal(await tokens.find(token("one")), undefined);
      await tokens.note(token("one"), new Secret("secret-1"));
      assert.equal(await Deno.readTextFile(path), text);
      assert.equal(events.length, 1);
    }
  }));

Deno.test("find() accepts any content of the file", () =>
  inFolder((folder) =>
    fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        const { tokens, path } = opened(folder);
        await Deno.writeTextFile(path, `{"format":1,"tokens":${json}}`);
        assert.equal(await tokens.find(), undefined);
      }),
      { numRuns: 100 },
    )
  ));

Deno.test("note() and dropSecrets() write nothing if the state folder is read-only", () =>
  inFolder(async (folder) => {
    const { tokens, path } = opened(folder, { readOnlyState: true });
    await tokens.note(token("one"), new Secret("secret-1"));
    await tokens.dropSecrets();
    using lock = await tokens.lock(new AbortController().signal);
    assert.equal(lock, undefined);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  }));

Deno.test("noteAgain() writes a record that could not be written, a minute after the last try, without a secret refused since", () =>
  inFolder(async (folder) => {
    for (const refused of [false, true]) {
      const stateFolder = `${folder}/${refused}`;
      await Deno.writeTextFile(stateFolder, "a file in the place of the folder");
      const clock = new FakeClock();
      const { tokens, path } = opened(stateFolder, { clock });
      const at = clock.wall();
      await tokens.note(token("one"), new Secret("secret-1"));
      if (refused) await tokens.dropSecrets();
      await Deno.remove(stateFolder);
      await clock.advance(59_999);
      await tokens.noteAgain();
      await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
      await clock.advance(1);
      await tokens.noteAgain();
      const found = await tokens.find(token("one"));
      assert.deepEqual([found?.at, found?.secret?.reveal()], [at, refused ? undefined : "secret-1"]);
      await Deno.remove(path);
      await clock.advance(60_000);
      await tokens.noteAgain();
      assert.equal(await tokens.find(token("one")), undefined, "what was written is not written again");
    }
  }));

Deno.test("noteAgain() keeps the secret of a token that another process opened later", () =>
  inFolder(async (folder) => {
    const stateFolder = `${folder}/state`;
    await Deno.writeTextFile(stateFolder, "a file in the place of the folder");
    const clock = new FakeClock();
    const [first, second] = [opened(stateFolder, { clock }).tokens, opened(stateFolder, { clock }).tokens];
    await first.note(token("one"), new Secret("secret-1"));
    await Deno.remove(stateFolder);
    await clock.advance(60_000);
    await second.note(token("two"), new Secret("secret-2"));
    await first.noteAgain();
    assert.equal((await second.find(token("one")))?.secret, undefined);
    const last = await second.find();
    assert.deepEqual([last?.hash, last?.secret?.reveal()], [token("two"), "secret-2"]);
  }));

import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { TestSecrets } from "../../../../tests/support/keyring_secrets.ts";
import { secretPath } from "../../../api/keyring/paths.ts";

const { signal } = new AbortController();
const call = { signal };

Deno.test("list() reads no folder twice that has not changed, and gives the changes of each write", async () => {
  await using stage = new TestSecrets();
  const scans = async (expected: readonly string[], folder: string) => {
    const before = stage.engine.calls.scan;
    assert.deepEqual(await stage.paths(folder), expected);
    return stage.engine.calls.scan - before;
  };
  for (const path of ["db/a", "db/b", "web/c"]) await stage.make(path, "1");
  assert.equal(await scans(["db/a", "db/b"], "db/"), 1);
  assert.equal(await scans(["db/a", "db/b"], "db/"), 0);
  await stage.make("web/d", "1");
  await stage.secrets.delete(secretPath("db/a"), {}, call);
  assert.equal(await scans(["db/a", "db/b"], "db/"), 0, "a write elsewhere, or of metadata alone");
  assert.equal(await scans(["web/c", "web/d"], "web/"), 1);
  await stage.make("db/c", "1");
  assert.equal(await scans(["db/a", "db/b", "db/c"], "db/"), 1);
  await stage.secrets.move(secretPath("db/a"), secretPath("web/a"), call);
  assert.ok(await scans(["db/b", "db/c"], "db/") > 0);
  assert.ok(await scans(["web/a", "web/c", "web/d"], "web/") > 0);
  assert.deepEqual(await stage.paths(""), ["db/", "web/"]);
  for (const name of ["b", "c"]) await stage.secrets.move(secretPath(`db/${name}`), secretPath(`web/${name}x`), call);
  assert.deepEqual(await stage.paths(""), ["web/"]);
});

Deno.test("list() keeps no entries that were read while a row of the folder changed", async () => {
  await using stage = new TestSecrets();
  await stage.make("db/a", "1");
  let isBegun = false;
  stage.engine.before = async (verb) => {
    if (verb !== "scan" || isBegun) return;
    isBegun = true;
    await stage.make("db/b", "1");
  };
  await stage.paths("db/");
  assert.deepEqual(await stage.paths("db/"), ["db/a", "db/b"]);
});

Deno.test("list() gives nothing from memory past the rules of the store keys", async () => {
  const clock = new FakeClock();
  await using stage = new TestSecrets({ clock });
  for (const path of ["a", "b"]) await stage.make(path, "1");
  assert.deepEqual(await stage.paths(), ["a", "b"]);
  stage.provider.faults.set("all", "key_unusable");
  assert.deepEqual(await stage.paths(), ["a", "b"], "the store keys are young");
  await clock.advance(10 * 60_000 + 1);
  await assert.rejects(stage.paths(), { code: "kms_unavailable" });
  await assert.rejects(stage.paths(), { code: "kms_unavailable" });
  stage.provider.faults.clear();
  assert.deepEqual(await stage.paths(), ["a", "b"]);
});

Deno.test("list() in pages gives the same entries as at once, whatever the names", async () => {
  const name = fc.constantFrom("a", "A", "a b", "ä", "z", "\u{10000}", "\uffee", "0", "~");
  const paths = fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 2 }).map((parts) => parts.join("/")), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(paths, fc.integer({ min: 1, max: 3 }), async (all, limit) => {
      await using stage = new TestSecrets();
      for (const path of all) await stage.make(path.normalize("NFC"), "1");
      const whole = await stage.paths();
      assert.deepEqual(whole, [...whole].sort((one, other) => one < other ? -1 : 1));
      const found: string[] = [];
      for (let more = true; more;) {
        const after = found.at(-1);
        const page = await stage.secrets.list("" as never, { limit, signal, ...(after !== undefined && { after }) });
        found.push(...page.entries.map(({ path }) => path));
        more = page.more;
      }
      assert.deepEqual(found, whole);
    }),
    { numRuns: 30 },
  );
});

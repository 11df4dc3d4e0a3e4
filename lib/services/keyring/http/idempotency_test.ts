import { deepEqual, equal, match } from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { testPolicy } from "../../../../tests/support/keyring_policy.ts";
import { TestKeyring, type TestKeyringOptions } from "../../../../tests/support/keyring_api.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { IdempotencyKeys } from "./idempotency.ts";

function withKeyring(work: (keyring: TestKeyring) => Promise<void>, options: TestKeyringOptions = {}): Promise<void> {
  return inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, options);
    await work(keyring);
  });
}

const john = "/api/v1/secrets/db/prod/john";
const keyed = (value: string, key = "k-1") => ({
  body: { fields: { password: { value } } },
  headers: { "idempotency-key": key },
});

Deno.test("a write that is sent again with its key is done once and answered as the first one", async () => {
  await withKeyring(async (keyring) => {
    const first = await keyring.expect(201, "POST", john, keyed("one"));
    const again = await keyring.expect(201, "POST", john, keyed("one"));
    deepEqual(again.body, first.body);
    equal(again.headers.get("idempotency-replayed"), "true");
    for (let count = 0; count < 2; count++) await keyring.expect(200, "PUT", john, keyed("two", "k-2"));
    equal((await keyring.expect(200, "GET", john)).body.version, 2);
    const spec = { body: { field: "p", generator: { kind: "uuid" } }, headers: { "idempotency-key": "k-3" } };
    const made = await keyring.expect(201, "POST", "/api/v1/generate/db/app", spec);
    const repeated = await keyring.expect(201, "POST", "/api/v1/generate/db/app", spec);
    equal(repeated.body.fingerprint, made.body.fingerprint);
    equal((await keyring.expect(200, "GET", "/api/v1/secrets/db/app")).body.version, 1);
  });
});

Deno.test("the key of another body, path, method or If-Match is 422; another identity has keys of its own", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    await keyring.expect(201, "POST", john, keyed("one"));
    match((await keyring.expect(422, "POST", john, keyed("two"))).body.type, /idempotency_mismatch/);
    await keyring.expect(422, "POST", "/api/v1/secrets/db/prod/x", keyed("one"));
    await keyring.expect(422, "PUT", john, keyed("one"));
    const matching = { ...keyed("one"), headers: { ...keyed("one").headers, "if-match": '"1"' } };
    await keyring.expect(422, "POST", john, matching);
    const own = await keyring.token("all");
    const other = { ...own, ...keyed("one"), headers: { ...own.headers, ...keyed("one").headers } };
    await keyring.expect(201, "POST", "/api/v1/secrets/db/prod/mine", other);
  });
});

Deno.test("a key that is used by many requests at once gives one write and equal answers", async () => {
  await withKeyring(async (keyring) => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => keyring.expect(201, "POST", john, keyed("one"))),
    );
    for (const { body } of answers) deepEqual(body, { path: "db/prod/john", version: 1 });
    await Promise.all(Array.from({ length: 16 }, () => keyring.expect(200, "PUT", john, keyed("two", "k-2"))));
    equal((await keyring.expect(200, "GET", john)).body.version, 2);
  });
});

Deno.test("a request that fails leaves no record, and the answer to a repetition needs the right as the first one", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    await keyring.expect(404, "PUT", john, keyed("one"));
    await keyring.expect(201, "POST", john, keyed("one", "k-0"));
    await keyring.expect(200, "PUT", john, keyed("one"));
    const own = await keyring.token("writer");
    const request = { ...own, ...keyed("x"), headers: { ...own.headers, ...keyed("x").headers } };
    await keyring.expect(200, "PUT", john, request);
    await keyring.policy(testPolicy.replace("[write]", "[list]"));
    await keyring.expect(403, "PUT", john, request);
  });
});

Deno.test("a key is forgotten after 24 hours, and its row is removed", async () => {
  const clock = new FakeClock();
  await withKeyring(async (keyring) => {
    const { store, store: { store: records } } = keyring;
    await keyring.expect(201, "POST", john, keyed("one"));
    const keys = new IdempotencyKeys(records, clock);
    equal(await keys.sweep(store.signal), 0);
    clock.setWall(86_400_000);
    equal(await keys.sweep(store.signal), 1);
    await keyring.expect(409, "POST", john, keyed("one"));
  }, { clock });
});

Deno.test("a key is refused where it would not be followed, and if it is no key", async () => {
  await withKeyring(async (keyring) => {
    const headers = { "idempotency-key": "k" };
    await keyring.expect(400, "POST", "/api/v1/tokens", { body: { role: "r", ttl: 60, name: "n" }, headers });
    await keyring.expect(400, "POST", john, { ...keyed("one"), headers: { "idempotency-key": "a b" } });
  });
});

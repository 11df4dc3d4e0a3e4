import { deepEqual, equal, match } from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { testPolicy } from "../../../../tests/support/keyring_policy.ts";
import { TestKeyring, type TestKeyringOptions, type TestRequest } from "../../../../tests/support/keyring_api.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";

function withKeyring(work: (keyring: TestKeyring) => Promise<void>, options: TestKeyringOptions = {}): Promise<void> {
  return inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, options);
    await work(keyring);
  });
}

const body = { fields: { a: { value: "hunter2" } } };

/** The events of a stream, without comments. */
class Events {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(answer: Response) {
    equal(answer.headers.get("content-type"), "text/event-stream");
    this.#reader = (answer.body as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** The next block of lines, comments included. */
  async block(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  async next(): Promise<{ readonly event: string; readonly data: Record<string, unknown> } | undefined> {
    for (;;) {
      const block = await this.block();
      if (block === undefined) return undefined;
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      if (event !== undefined) return { event, data: JSON.parse(data ?? "") };
    }
  }

  async end(): Promise<void> {
    await this.#reader.cancel();
  }
}

async function watch(keyring: TestKeyring, folder: string, request: TestRequest): Promise<Events> {
  const events = new Events(await keyring.stream("GET", `/api/v1/watch/${folder}`, request));
  equal(await events.block(), ": watching");
  return events;
}

Deno.test("watch sends path, version and action of changes that may be read and listed, and no value", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    const own = await keyring.token("watcher");
    const stop = new AbortController();
    const events = await watch(keyring, "db", { ...own, signal: stop.signal });
    await keyring.expect(201, "POST", "/api/v1/secrets/db/test/x", { body });
    await keyring.expect(201, "POST", "/api/v1/secrets/other", { body });
    await keyring.expect(201, "POST", "/api/v1/secrets/db/prod/a", { body });
    deepEqual(await events.next(), { event: "change", data: { path: "db/prod/a", version: 1, action: "create" } });
    await keyring.expect(200, "PUT", "/api/v1/secrets/db/prod/a", { body });
    deepEqual((await events.next())?.data, { path: "db/prod/a", version: 2, action: "update" });
    await keyring.expect(200, "POST", "/api/v1/move", { body: { from: "db/prod/a", to: "hidden/a" } });
    deepEqual((await events.next())?.data, { path: "db/prod/a", version: 2, action: "delete" });
    stop.abort();
    equal(await events.next(), undefined);
    await events.end();
  });
});

Deno.test("watch ends with 401 before the next event after its token was revoked", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    const own = await keyring.token("watcher");
    const events = await watch(keyring, "", own);
    const { tokens } = (await keyring.expect(200, "GET", "/api/v1/tokens")).body;
    await keyring.expect(204, "DELETE", `/api/v1/tokens/${tokens[0].id}`);
    await keyring.expect(201, "POST", "/api/v1/secrets/db/prod/a", { body });
    const end = await events.next();
    deepEqual([end?.event, end?.data.status], ["end", 401]);
    equal(await events.next(), undefined);
  });
});

Deno.test("watch ends with 403 within 10 seconds after the policy takes the right away, also if nothing changes", async () => {
  const clock = new FakeClock();
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    const own = await keyring.token("watcher");
    const events = await watch(keyring, "db/prod", own);
    const comment = events.block();
    await clock.advance(10_000);
    match(await comment ?? "", /^: /);
    await keyring.policy(testPolicy.replaceAll("{path: db/, verbs: [read]}", "{path: else, verbs: [read]}"));
    const end = events.next();
    await clock.advance(10_000);
    deepEqual([(await end)?.event, (await end)?.data.status], ["end", 403]);
  }, { clock });
});

Deno.test("watch needs the verb read, and the verb list, on the folder or something below it", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    const refused = async (role: string, folder: string, verb: string) => {
      const { body } = await keyring.expect(403, "GET", `/api/v1/watch/${folder}`, await keyring.token(role));
      match(body.detail, new RegExp(`does not have the verb ${verb} on`));
    };
    await refused("watcher", "other", "read");
    await refused("watcher", "db/test", "list");
    await refused("writer", "", "read");
    await refused("lister", "db/prod", "read");
    await (await watch(keyring, "", await keyring.token("watcher"))).end();
  });
});

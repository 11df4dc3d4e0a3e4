import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { KmsError } from "../../base/errors.ts";
import type { Event } from "../../telemetry/events.ts";
import { Reloads } from "../../base/reloads.ts";
import { Secret } from "../../base/secret.ts";
import { type Grant, TokenSession } from "./session.ts";

const call = { signal: new AbortController().signal, action: "probe" };

/** A server's response to a token. */
type Answer = "well" | "refused" | "busy";

const verdicts = { well: "served", refused: "refused", busy: "silent" } as const;

/** A session whose logins the test answers, and the tokens that it sends. */
class Stage {
  logins = 0;
  refusal: KmsError | undefined;
  /** The grant of each login without its token. Tokens are `t1`, `t2` and so on. */
  grant: Partial<Grant> = {};
  answer: (token: string, kind: string) => Answer = () => "well";
  readonly sent: string[] = [];
  readonly events: Event[] = [];
  readonly clock = new FakeClock();
  readonly reloads = new Reloads();
  readonly session = new TokenSession({
    provider: "vault-eu",
    method: "approle",
    notify: (event) => void this.events.push(event),
    clock: this.clock,
    reloads: this.reloads,
    login: async (): Promise<Grant> => {
      this.logins++;
      const { logins, refusal } = this;
      await Promise.resolve();
      if (refusal !== undefined) throw refusal;
      return { token: new Secret(`t${logins}`), ttlMs: undefined, renewable: false, ...this.grant };
    },
  });

  /** The token that was accepted, or the other response. */
  async send(kind = "wrap"): Promise<string> {
    let last = "";
    const answer = await this.session.request(
      kind,
      (token) => {
        last = token.reveal();
        this.sent.push(last);
        return Promise.resolve(this.answer(last, kind));
      },
      (answer) => verdicts[answer],
      call,
    );
    return answer === "well" ? last : answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
  }
}

/** An error of a login, by its code. */
function failure(code: KmsError["code"], retryAfterMs?: number): KmsError {
  return new KmsError(code, "Cannot log in: it says so.", retryAfterMs === undefined ? {} : { retryAfterMs });
}

Deno.test("TokenSession logs in again at a reload, and uses the old token until there is a new one", async () => {
  await using stage = new Stage();
  stage.reloads.announce();
  equal(stage.logins, 0, "the first call logs in");
  equal(await stage.send(), "t1");
  stage.reloads.announce();
  const meanwhile = stage.send();
  equal(await meanwhile, "t1");
  await stage.clock.settle();
  equal(await stage.send(), "t2");
  stage.refusal = failure("unauthenticated");
  stage.reloads.announce();
  await stage.clock.settle();
  deepEqual([stage.logins, await stage.send()], [3, "t2"], "a login that fails costs nothing");
  await stage.session[Symbol.asyncDispose]();
  equal(stage.reloads.announce(), false, "a closed session is told nothing");
});

Deno.test("TokenSession repeats a failed login at once after a reload, and a refused one only after its pause", async () => {
  await using stage = new Stage();
  stage.refusal = failure("unreachable");
  await rejects(stage.send());
  stage.refusal = undefined;
  stage.reloads.announce();
  equal(await stage.send(), "t2");
  await using refused = new Stage();
  refused.refusal = failure("unauthenticated");
  await rejects(refused.send());
  refused.reloads.announce();
  await rejects(refused.send());
  equal(refused.logins, 1);
});

Deno.test("TokenSession replaces a token that was accepted before at once, and a new one at most once in 10 s", async () => {
  await using stage = new Stage();
  const dead = new Set<string>();
  stage.answer = (token) => dead.has(token) ? "refused" : "well";
  for (let logins = 1; logins <= 5; logins++) {
    equal(await stage.send(), `t${logins}`);
    dead.add(`t${logins}`);
  }
  stage.answer = () => "refused";
  equal(await stage.send("wrap"), "refused");
  equal(stage.logins, 6);
  for (const kind of ["wrap", "unwrap", "probe"]) equal(await stage.send(kind), "refused");
  equal(stage.logins, 6, "the token has never served");
  await stage.clock.advance(10_000);
  equal(await stage.send("unwrap"), "refused");
  equal(stage.logins, 7);
  stage.answer = () => "well";
  equal(await stage.send(), "t7");
});

Deno.test("TokenSession does not count a response without a verdict as accepted", async () => {
  await using stage = new Stage();
  for (let calls = 0; calls < 5; calls++) {
    stage.answer = () => "busy";
    equal(await stage.send(), "busy");
    stage.answer = () => "refused";
    equal(await stage.send(), "refused");
  }
  equal(stage.logins, 2);
});

Deno.test("TokenSession shares one login between many calls with one refused token", async () => {
  await using stage = new Stage();
  await stage.send();
  stage.answer = (token) => token === "t1" ? "refused" : "well";
  const tokens = await Promise.all(Array.from({ length: 50 }, () => stage.send()));
  deepEqual(new Set(tokens), new Set(["t2"]));
  equal(stage.logins, 2);
});

Deno.test("TokenSession does not log in again for a kind of request that a new token did not help", async () => {
  await using stage = new Stage();
  stage.answer = (_token, kind) => kind === "unwrap" ? "refused" : "well";
  const mixed = async () => {
    for (let calls = 0; calls < 20; calls++) {
      equal(await stage.send("unwrap"), "refused");
      ok((await stage.send("wrap")).startsWith("t"));
    }
  };
  await mixed();
  equal(stage.logins, 2);
  for (const [pause, logins] of [[9_999, 2], [1, 3], [19_999, 3], [1, 4], [39_999, 4], [1, 5]] as const) {
    await stage.clock.advance(pause);
    await mixed();
    equal(stage.logins, logins, `${pause}`);
  }
  // At most two minutes: a permission that is granted to a role takes effect with the next login.
  for (let logins = 6; logins <= 9; logins++) {
    await stage.clock.advance(120_000);
    await mixed();
    equal(stage.logins, logins);
  }
  const spent = `t${stage.logins}`;
  stage.answer = (token, kind) => kind === "unwrap" || token === spent ? "refused" : "well";
  equal(await stage.send("wrap"), "t10", "another kind is worth a login");
  stage.reloads.announce();
  await stage.clock.settle();
  await stage.send("unwrap");
  equal(stage.logins, 12, "a reload forgets what was refused");
});

Deno.test("TokenSession counts one login for many requests that it did not help", async () => {
  await using stage = new Stage();
  await stage.send("wrap");
  stage.answer = (_token, kind) => kind === "unwrap" ? "refused" : "well";
  await Promise.all(Array.from({ length: 100 }, () => stage.send("unwrap")));
  equal(stage.logins, 2);
  await stage.send("wrap");
  stage.answer = (token) => token === "t3" ? "well" : "refused";
  await stage.clock.advance(9_999);
  equal(await stage.send("unwrap"), "refused");
  await stage.clock.advance(1);
  equal(await stage.send("unwrap"), "t3");
});

Deno.test("TokenSession logs in once more after a reload during a login", async () => {
  await using stage = new Stage();
  const first = stage.send();
  while (stage.logins === 0) await Promise.resolve();
  stage.reloads.announce();
  stage.reloads.announce();
  equal(await first, "t1", "the credential of this login may have been read before");
  await stage.clock.settle();
  equal(await stage.send(), "t2");
  equal(stage.logins, 2);
});

Deno.test("TokenSession logs in after a reload as soon as the pause of a refused login is over", async () => {
  await using stage = new Stage();
  equal(await stage.send(), "t1");
  stage.refusal = failure("unauthenticated");
  stage.reloads.announce();
  await stage.clock.settle();
  stage.refusal = undefined;
  for (let reloads = 0; reloads < 3; reloads++) stage.reloads.announce();
  await stage.clock.settle();
  deepEqual([stage.logins, await stage.send()], [2, "t1"]);
  await stage.clock.advance(1_201);
  deepEqual([stage.logins, await stage.send()], [3, "t3"]);
});

Deno.test("TokenSession sends no more requests with a token than it permits, and logs in before the last", async () => {
  for (const uses of [1, 2, 10]) {
    await using stage = new Stage();
    stage.grant = { uses };
    const left = new Map<string, number>();
    stage.answer = (token) => {
      const now = (left.get(token) ?? uses) - 1;
      left.set(token, now);
      return now < 0 ? "refused" : "well";
    };
    for (let calls = 0; calls < 40; calls++) await stage.send();
    await Promise.all(Array.from({ length: 60 }, () => stage.send()));
    equal(stage.sent.length, 100, "no call was refused");
    equal(stage.logins, 100 / uses + 1);
  }
});

Deno.test("TokenSession keeps a refused token while logins fail, and reports the reason", async () => {
  for (const code of ["unauthenticated", "unreachable", "throttled", "provider_protocol"] as const) {
    await using stage = new Stage();
    await stage.send();
    stage.answer = (_token, kind) => kind === "unwrap" ? "refused" : "well";
    stage.refusal = failure(code);
    for (let calls = 0; calls < 3; calls++) {
      await rejects(stage.send("unwrap"), { code });
      equal(await stage.send(), "t1");
    }
    equal(stage.logins, 2, "a login that failed has its own pause");
  }
});

Deno.test("TokenSession uses a token that is about to expire, and logs in once", async () => {
  await using stage = new Stage();
  stage.grant = { ttlMs: 0 };
  equal(await stage.send(), "t1");
  equal(await stage.send(), "t2");
});

Deno.test("TokenSession waits after a throttled login as long as requested, at most a minute, and reports the time", async () => {
  for (const [asked, waits] of [[7_000, 7_000], [3_600_000, 60_000]] as const) {
    await using stage = new Stage();
    stage.refusal = failure("throttled", asked);
    await rejects(stage.send(), { code: "throttled", retryAfterMs: asked });
    await stage.clock.advance(1_000);
    await rejects(stage.send(), { code: "throttled", retryAfterMs: waits - 1_000 });
    equal(stage.logins, 1);
    stage.refusal = undefined;
    await stage.clock.advance(waits - 1_000);
    equal(await stage.send(), "t2");
  }
});

Deno.test("TokenSession repeats a throttled login several times within a call's time, and then every 5 s", async () => {
  await using stage = new Stage();
  stage.refusal = failure("throttled");
  const times: number[] = [];
  const start = stage.clock.now();
  while (stage.clock.now() < start + 30_000) {
    const before = stage.logins;
    await rejects(stage.send(), { code: "throttled" });
    if (stage.logins > before) times.push(stage.clock.now() - start);
    await stage.clock.advance(10);
  }
  const within = (ms: number) => times.filter((at) => at < ms).length;
  ok(within(3_000) >= 6 && within(3_000) <= 9, `${times}`);
  ok(within(30_000) <= 9 + 7, `${times}`);
});

Deno.test("TokenSession reports the expiry of a token on its own clock, and the duration of a login", async () => {
  await using stage = new Stage();
  stage.grant = { ttlMs: 100_000 };
  await stage.send();
  const expiresAt = stage.clock.now() + 100_000;
  // The wall clock is set: the times of earlier events stay.
  stage.clock.setWall(10_800_000);
  deepEqual(stage.events, [
    { type: "login", provider: "vault-eu", method: "approle", result: "ok", seconds: 0 },
    { type: "token_lifetime", provider: "vault-eu", expiresAt },
  ]);
  const due = stage.clock.untilNext();
  ok(due > 62_000 && due < 78_000, `${due}`);
  await stage.clock.advance(due);
  equal(stage.logins, 2);
});

import { deepEqual, equal, rejects } from "node:assert/strict";
import { KmsError } from "../../errors.ts";
import { Reloads } from "../../reloads.ts";
import { Secret } from "../../secret.ts";
import { pause, waitFor } from "../../../tests/support/processes.ts";
import { type Grant, TokenSession } from "./session.ts";

const call = { signal: new AbortController().signal, action: "probe" };

/** A session over logins that a test answers, and the tokens that it sends. */
class Stage {
  logins = 0;
  refusal: KmsError | undefined;
  readonly reloads = new Reloads();
  readonly session = new TokenSession({
    provider: "vault-eu",
    method: "approle",
    notify: () => {},
    reloads: this.reloads,
    login: async (): Promise<Grant> => {
      this.logins++;
      await pause(20);
      if (this.refusal !== undefined) throw this.refusal;
      return { token: new Secret(`t${this.logins}`), ttlMs: undefined, renewable: false };
    },
  });

  send(): Promise<string> {
    return this.session.request((token) => Promise.resolve(token.reveal()), () => false, call);
  }
}

Deno.test("TokenSession logs in again at a reload, and uses the old token until there is a new one", async () => {
  const stage = new Stage();
  stage.reloads.announce();
  equal(stage.logins, 0, "the first call logs in");
  equal(await stage.send(), "t1");
  stage.reloads.announce();
  equal(await stage.send(), "t1");
  await waitFor("the new token", async () => await stage.send() === "t2", { timeoutMs: 5_000, everyMs: 1 });
  stage.refusal = new KmsError("unauthenticated", "Refused.");
  stage.reloads.announce();
  await pause(60);
  deepEqual([stage.logins, await stage.send()], [3, "t2"], "a login that fails costs nothing");
  await stage.session[Symbol.asyncDispose]();
  equal(stage.reloads.announce(), false, "a closed session is told nothing");
});

Deno.test("TokenSession tries a login that failed at once after a reload, and one that was refused no sooner", async () => {
  const stage = new Stage();
  stage.refusal = new KmsError("unreachable", "Away.");
  await rejects(stage.send());
  stage.refusal = undefined;
  stage.reloads.announce();
  equal(await stage.send(), "t2");
  await stage.session[Symbol.asyncDispose]();
  const refused = new Stage();
  refused.refusal = new KmsError("unauthenticated", "Refused.");
  await rejects(refused.send());
  refused.reloads.announce();
  await rejects(refused.send());
  equal(refused.logins, 1);
  await refused.session[Symbol.asyncDispose]();
});

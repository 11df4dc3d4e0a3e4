import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import type { Event } from "../../telemetry/events.ts";
import { KmsError } from "../../base/errors.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { HeldLogin, loginHolds, RefusedLogin } from "./login_holds.ts";
import { RefusedLogins } from "./refused_logins.ts";

const minute = 60_000;
const action = 'log in with provider "vault-eu"';
const call = { action, signal: new AbortController().signal };

/** One process of a node. Its logins are counted, and refused unless the credential is `good`. */
function processOf(stateFolder: string | undefined, clock: FakeClock, hold: keyof typeof loginHolds = "vaultCounted") {
  const events: Event[] = [];
  const sent: string[] = [];
  const notify = (event: Event) => void events.push(event);
  const logins = new RefusedLogins({ provider: "vault-eu", notify, stateFolder, scope: ["https://vault"], clock });
  const attempt = (credential: string) =>
    logins.attempt(["role", credential], call, () => {
      sent.push(credential);
      return credential === "good"
        ? Promise.resolve("token")
        : Promise.reject(new RefusedLogin(`Cannot ${action}: Vault answered 400 (it refuses the secret ID).`, hold));
    });
  return { attempt, sent, events };
}

const held = (sentence: RegExp, tried: boolean) => (thrown: unknown) => {
  assert(thrown instanceof HeldLogin && thrown.code === "unauthenticated", String(thrown));
  assert.match(thrown.message, sentence);
  return thrown.tried === tried;
};

Deno.test("attempt() sends a refused credential again after 30 minutes ± 20 %", () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const node = processOf(folder, clock);
    await assert.rejects(
      node.attempt("wrong"),
      held(/answered 400 \(it refuses the secret ID\)\. Since refused logins lock an account, it is not/, true),
    );
    await clock.advance(24 * minute - 1);
    await assert.rejects(node.attempt("wrong"), held(/was refused 23 minutes ago and is not repeated/, false));
    assert.deepEqual(node.sent, ["wrong"]);
    await clock.advance(12 * minute);
    await assert.rejects(node.attempt("wrong"), held(/answered 400/, true));
    assert.deepEqual(node.sent, ["wrong", "wrong"]);
  }));

Deno.test("attempt() holds across restarts and for every process of the node, and sends a changed credential at once", () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    await assert.rejects(processOf(folder, clock).attempt("wrong"), held(/./, true));
    await clock.advance(12 * minute);
    for (let restarts = 0; restarts < 3; restarts++) {
      const node = processOf(folder, clock);
      const way = new RegExp(
        `^Cannot ${action}: it was refused 12 minutes ago and is not repeated before \\d\\d:\\d\\d UTC: ` +
          `Vault answered 400 \\(it refuses the secret ID\\); to try now, change it or remove ` +
          `${folder}/refused-logins\\.json\\.$`,
      );
      await assert.rejects(node.attempt("wrong"), held(way, false));
      assert.equal(await node.attempt("good"), "token");
      assert.deepEqual(node.sent, ["good"]);
    }
    const elsewhere = new RefusedLogins({
      provider: "vault-eu",
      notify: () => {},
      stateFolder: folder,
      scope: ["https://other"],
      clock,
    });
    assert.equal(await elsewhere.attempt(["role", "wrong"], call, () => Promise.resolve("token")), "token");
  }));

Deno.test("attempt() sends once if several processes of a node start together, and does not wait for other servers", () =>
  inFolder(async (folder) => {
    const sent: string[] = [];
    const otherEnded = Promise.withResolvers<void>();
    const begin = (scope: string, credential: string) => {
      const logins = new RefusedLogins({ provider: "a", notify: () => {}, stateFolder: folder, scope: [scope] });
      return logins.attempt([credential], call, async () => {
        sent.push(scope);
        // The login at the first server ends after the one at the other, which would wait for ever if it waited for it.
        if (scope === "one") await otherEnded.promise;
        throw new RefusedLogin(`Cannot ${action}: Vault answered 400 (no).`, "vaultCounted");
      }).catch((thrown) => thrown.tried);
    };
    const same = [begin("one", "wrong"), begin("one", "wrong"), begin("one", "wrong")];
    assert.equal(await begin("two", "wrong"), true);
    otherEnded.resolve();
    assert.deepEqual((await Promise.all(same)).sort(), [false, false, true]);
    assert.deepEqual(sent.sort(), ["one", "two"]);
  }));

Deno.test("attempt() stops waiting for another process when its signal is aborted", () =>
  inFolder(async (folder) => {
    const options = { provider: "a", notify: () => {}, stateFolder: folder, scope: [] };
    const done = Promise.withResolvers<void>();
    const sent = Promise.withResolvers<void>();
    const first = new RefusedLogins(options).attempt(["x"], call, () => {
      sent.resolve();
      return done.promise;
    });
    await sent.promise;
    const signal = AbortSignal.timeout(100);
    const late = new RefusedLogins(options).attempt(["x"], { action, signal }, () => Promise.resolve(signal.aborted));
    assert.equal(await late, true);
    done.resolve();
    await first;
  }));

Deno.test("attempt() sends at once after the file was removed, also in the process that wrote it", () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const node = processOf(folder, clock);
    await assert.rejects(node.attempt("wrong"), held(/./, true));
    await assert.rejects(node.attempt("wrong"), held(/refused just now and is not repeated/, false));
    await Deno.remove(`${folder}/refused-logins.json`);
    await assert.rejects(node.attempt("wrong"), held(/./, true));
    assert.deepEqual(node.sent, ["wrong", "wrong"]);
  }));

Deno.test("attempt() keeps the refusals of several credentials, drops expired ones, and removes one that is accepted", () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const read = async () => JSON.parse(await Deno.readTextFile(`${folder}/refused-logins.json`)).refusals.length;
    for (const credential of ["a", "b", "c"]) {
      await assert.rejects(processOf(folder, clock).attempt(credential), held(/./, true));
    }
    assert.equal(await read(), 3);
    for (const credential of ["a", "b", "c"]) {
      await assert.rejects(processOf(folder, clock).attempt(credential), held(/./, false));
    }
    await clock.advance(40 * minute);
    const node = processOf(folder, clock);
    await assert.rejects(node.attempt("d"), held(/./, true));
    assert.equal(await read(), 1);
    assert.equal(await node.attempt("good"), "token");
    assert.equal(await read(), 0);
  }));

Deno.test("attempt() waits for each kind of refusal as long as its row states", async () => {
  for (const [hold, { ms }] of Object.entries(loginHolds) as [keyof typeof loginHolds, { ms: number }][]) {
    const clock = new FakeClock();
    const node = processOf(undefined, clock, hold);
    await assert.rejects(node.attempt("wrong"), held(/to try now, change it or start again\.$/, true));
    await clock.advance(ms * 0.8 - 1);
    await assert.rejects(node.attempt("wrong"), held(/./, false));
    await clock.advance(ms * 0.4 + 2);
    await assert.rejects(node.attempt("wrong"), held(/./, true));
  }
});

Deno.test("attempt() does not hold back after an outage, and passes its error on", () =>
  inFolder(async (folder) => {
    const logins = new RefusedLogins({ provider: "a", notify: () => {}, stateFolder: folder, scope: [] });
    for (const code of ["unreachable", "throttled", "unauthenticated"] as const) {
      const error = new KmsError(code, "Cannot log in: Vault answered 503.");
      for (let tries = 0; tries < 2; tries++) {
        await assert.rejects(logins.attempt(["x"], call, () => Promise.reject(error)), error);
      }
    }
    await assert.rejects(Deno.stat(`${folder}/refused-logins.json`), Deno.errors.NotFound);
  }));

Deno.test("attempt() holds for the same time if the clock is set, and reports the end by the new time", () =>
  inFolder(async (folder) => {
    for (const hours of [3, -3]) {
      const clock = new FakeClock();
      const node = processOf(folder, clock);
      const credential = `wrong ${hours}`;
      await assert.rejects(node.attempt(credential), held(/./, true));
      await clock.advance(10 * minute);
      clock.setWall(hours * 60 * minute);
      await assert.rejects(node.attempt(credential), held(/was refused 10 minutes ago and is not repeated/, false));
      const said = await node.attempt(credential).catch(({ message }) => message);
      const [, time] = /not repeated before (\d\d:\d\d) UTC/.exec(said) ?? [];
      const left = (Date.parse(`${new Date(clock.wall()).toISOString().slice(0, 10)}T${time}Z`) - clock.wall()) /
        minute;
      assert((left + 1440) % 1440 <= 27, said);
      await clock.advance(26 * minute);
      await assert.rejects(node.attempt(credential), held(/answered 400/, true));
    }
  }));

for (const hours of [3, -3]) {
  Deno.test(`attempt() waits as long as it reports if the clock is set by ${hours} h`, () =>
    inFolder(async (folder) => {
      const clock = new FakeClock();
      const [node, other] = [processOf(folder, clock), processOf(folder, clock)];
      await assert.rejects(node.attempt("wrong"), held(/./, true));
      await assert.rejects(other.attempt("wrong"), held(/was refused just now/, false));
      clock.setWall(hours * 60 * minute);
      for (const process of [node, other]) {
        await assert.rejects(process.attempt("wrong"), held(/was refused just now/, false));
      }
      await clock.advance(23 * minute);
      for (const process of [node, other]) {
        await assert.rejects(process.attempt("wrong"), held(/was refused 23 minutes ago/, false));
      }
      await clock.advance(13 * minute + 2);
      await assert.rejects(other.attempt("wrong"), held(/answered 400/, true));
      assert.deepEqual([node.sent.length, other.sent.length], [1, 1]);
    }));
}

Deno.test("attempt() restarts the hold of a refusal with a future time once, and not at each start", () =>
  inFolder(async (folder) => {
    const [ahead, clock] = [new FakeClock(), new FakeClock()];
    await ahead.advance(365 * 24 * 60 * minute);
    await assert.rejects(processOf(folder, ahead).attempt("wrong"), held(/./, true));
    await assert.rejects(processOf(folder, clock).attempt("wrong"), held(/was refused just now/, false));
    await clock.advance(20 * minute);
    await assert.rejects(processOf(folder, clock).attempt("wrong"), held(/was refused 20 minutes ago/, false));
    await clock.advance(16 * minute + 2);
    await assert.rejects(processOf(folder, clock).attempt("wrong"), held(/answered 400/, true));
  }));

Deno.test("attempt() continues with a damaged file, replaces it, and warns once if it cannot be written", () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const path = `${folder}/refused-logins.json`;
    const cases = [
      "",
      "{}",
      '{"format":1,"salt":"AAAA","refusals":[]}',
      '{"format":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","refusals":[{}]}',
      '{"format":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","refusals":[{"tag":"0000","at":1,"until":2,"hold":"toString","why":""}]}',
      "x".repeat(70_000),
    ];
    for (const text of cases) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(processOf(folder, clock).attempt("wrong"), held(/./, true));
      await assert.rejects(processOf(folder, clock).attempt("wrong"), held(/./, false));
    }
    const unwritable = processOf(`${path}/state`, clock);
    const way = /to try now, change it or start again\.$/;
    await assert.rejects(unwritable.attempt("wrong"), held(way, true));
    await assert.rejects(unwritable.attempt("wrong"), held(way, false));
    await assert.rejects(unwritable.attempt("wrong again"), held(/./, true));
    assert.deepEqual(unwritable.events.map(({ type }) => type), ["lifecycle"]);
  }));

Deno.test("the file contains no credential and too few bits of its hash to confirm a guess", () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    await assert.rejects(processOf(folder, clock).attempt("canary-password"), held(/./, true));
    const text = await Deno.readTextFile(`${folder}/refused-logins.json`);
    assert(!text.includes("canary") && !text.includes("role"));
    const { salt, refusals: [{ tag }] } = JSON.parse(text);
    assert.match(tag, /^[0-9a-f]{4}$/);
    assert.equal(((await Deno.stat(`${folder}/refused-logins.json`)).mode ?? 0) & 0o777, 0o600);
    // Computed again from the module's comment: a changed hash would cause one more login on every node.
    const field = (value: string) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, value.length);
      return [...length, ...new TextEncoder().encode(value)];
    };
    const credential = JSON.stringify(["https://vault", "role", "canary-password"]);
    const secret = Uint8Array.from([...field("trousseau-refused-login-1"), ...field(credential)]);
    const hash = pbkdf2Sync(secret, Uint8Array.fromBase64(salt), 200_000, 2, "sha256");
    assert.equal(tag, hash.toString("hex"));
    // Another node, or the same one after the file was removed, has another salt.
    await Deno.remove(`${folder}/refused-logins.json`);
    await assert.rejects(processOf(folder, clock).attempt("canary-password"), held(/./, true));
    assert.notEqual(JSON.parse(await Deno.readTextFile(`${folder}/refused-logins.json`)).salt, salt);
  }));

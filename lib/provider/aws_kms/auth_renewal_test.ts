import assert from "node:assert/strict";
import { AwsDouble } from "../../../tests/support/aws_double.ts";
import { keyAuth, openAws } from "../../../tests/support/aws_settings.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { pause, waitFor } from "../../../tests/support/processes.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { systemClock } from "../../base/clock.ts";
import type { Event } from "../../telemetry/events.ts";
import { assumeRole, containerAuth, webAuth } from "../../../tests/support/aws_auth.ts";

Deno.test("credentials are replaced before they expire, so that no call uses expired ones", async () => {
  await using double = await AwsDouble.start();
  const clock = new FakeClock();
  const { provider, events } = await openAws(double, { auth: containerAuth(double) }, clock);
  await using _provider = provider;
  await provider.probe(patient);
  const adopted = () => events.filter(({ type }) => type === "token_lifetime").length;
  for (let logins = 1; logins < 3; logins++) {
    assert.equal(double.logins.logins, logins);
    const due = clock.untilNext();
    assert.ok(due > 0 && due < 780 * double.logins.lifetime);
    await clock.advance(due);
    await waitFor("another login", () => adopted() > logins, { timeoutMs: 20_000, everyMs: 5 });
  }
  await provider.probe(patient);
  assert.deepEqual([double.calls.at(-1)?.operation, double.logins.logins], ["ReEncrypt", 3]);
});

Deno.test("credentials that AWS reports as expired or unknown are replaced, and the call is sent once more", async () => {
  await using double = await AwsDouble.start();
  await using provider = (await openAws(double, { auth: containerAuth(double) })).provider;
  await provider.probe(patient);
  double.advance(3601);
  double.calls.length = 0;
  await provider.probe(patient);
  assert.deepEqual(double.operations, ["ReEncrypt", "ReEncrypt"]);
  assert.equal(double.logins.logins, 2);
});

Deno.test("after AccessDenied the credentials are replaced once, since the role may have received the permission", async () => {
  await using double = await AwsDouble.start();
  await using provider = (await openAws(double, { auth: containerAuth(double) })).provider;
  await provider.probe(patient);
  double.fault = { kind: "rights", actions: [] };
  const denied = refusedWith(
    "permission_denied",
    /400 AccessDeniedException \(the login may not do this with this key\)/,
  );
  for (let times = 0; times < 3; times++) await assert.rejects(provider.probe(patient), denied);
  assert.equal(double.logins.logins, 2);
});

Deno.test("concurrent calls share one login", async () => {
  await using double = await AwsDouble.start();
  await using provider = (await openAws(double, { auth: webAuth(double), assumeRole })).provider;
  const state = await provider.probe(patient);
  const wrapped = await provider.wrap(new Uint8Array(47), state, patient);
  const before = double.logins.logins;
  double.logins.revoke();
  double.logins.restore();
  await Promise.all(Array.from({ length: 20 }, () => provider.unwrap(wrapped, patient)));
  // One login for the token, one for the role that is assumed with it.
  assert.equal(double.logins.logins - before, 2);
});

Deno.test("callers wait for a slow login; a caller with an earlier deadline leaves it to the others", async () => {
  await using double = await AwsDouble.start();
  const { logins } = double;
  const credentials = logins.container(logins.containerToken).text;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    await pause(300);
    return new Response(credentials);
  });
  const auth = containerAuth(double, { url: `http://127.0.0.1:${server.addr.port}/x` });
  await using provider = (await openAws(double, { auth })).provider;
  const hasty = assert.rejects(provider.probe(within(60)), refusedWith("deadline_exceeded"));
  await provider.probe(patient);
  await hasty;
});

/** The lifetimes of the tokens in the events, in seconds from now. */
function lifetimes(events: readonly Event[]): readonly number[] {
  return events.flatMap((event) =>
    event.type === "token_lifetime" && event.expiresAt !== undefined
      ? [(event.expiresAt - systemClock.now()) / 1000]
      : []
  );
}

for (const hours of [3, -3]) {
  Deno.test(`a clock of this machine that is ${-hours} h ahead of AWS' does not prevent a login`, async () => {
    await using double = await AwsDouble.start();
    double.advance(hours * 3600);
    const ways = [
      { auth: keyAuth(double) },
      { auth: keyAuth(double), assumeRole },
      { auth: webAuth(double) },
      { auth: containerAuth(double), assumeRole },
      { auth: containerAuth(double) },
    ];
    for (const changes of ways) {
      const { provider, events } = await openAws(double, changes);
      await using open = provider;
      await open.probe(patient);
      const logins = events.filter((event) => event.type === "login");
      assert.deepEqual(logins.map(({ result }) => result), ["ok"], "one login, and no second one for the clock");
      for (const lifetime of lifetimes(events)) assert.ok(lifetime > 0 && lifetime <= 3600, `${lifetime} s`);
    }
  });
}

Deno.test("setting the clock while the plugin runs causes no failed call and no login", async () => {
  await using double = await AwsDouble.start();
  const { provider, events } = await openAws(double, { auth: webAuth(double) });
  await using open = provider;
  await open.probe(patient);
  double.advance(600);
  await open.probe(patient);
  double.advance(-600);
  await open.probe(patient);
  assert.equal(events.filter((event) => event.type === "login").length, 1);
});

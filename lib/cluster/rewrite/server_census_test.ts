import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { ApiServerDouble, statusAnswer } from "../../../tests/support/api_server_double.ts";
import { systemClock } from "../../base/clock.ts";
import { ApiServerClient } from "../apiserver/api_server_client.ts";
import { awaitReady, type CensusOptions, isComplete, takeCensus } from "./server_census.ts";

/** Takes a census of one or more doubles; the first one has the Leases. */
async function withCensus<T>(
  doubles: readonly ApiServerDouble[],
  work: (options: CensusOptions) => Promise<T>,
  localOnly = false,
): Promise<T> {
  const clients = await Promise.all(doubles.map(({ access }) => ApiServerClient.open(access, "look")));
  const [client] = clients;
  if (client === undefined) throw new Error("A census needs a server.");
  let slept = 0;
  const clock = {
    ...systemClock,
    now: () => slept,
    sleep: (ms: number) => {
      slept += ms;
      return Promise.resolve();
    },
  };
  try {
    return await work({ client, clients, keyId: "t1-new", localOnly, clock, signal: new AbortController().signal });
  } finally {
    for (const one of clients) one[Symbol.dispose]();
  }
}

Deno.test("takeCensus() counts Leases, and finds each server by the hash of its identity", async () => {
  await using one = await ApiServerDouble.open();
  await using two = await ApiServerDouble.open();
  one.leases = ["apiserver-one", "apiserver-two", "apiserver-three"];
  two.leases = ["apiserver-two"];
  two.keyId = "t1-old";
  await withCensus([one, two], async (options) => {
    const { servers, failures } = await takeCensus(options);
    deepEqual(failures, []);
    deepEqual(servers, [
      { name: "apiserver-one", host: "node-0", state: "ready" },
      { name: "apiserver-two", host: "node-1", state: "behind" },
      { name: "apiserver-three", host: "node-2", state: "unseen" },
    ]);
    equal(isComplete({ servers }, 1), false, "a server is behind");
    two.keyId = "t1-new";
    const later = await takeCensus(options);
    deepEqual([0, 1].map((assumed) => isComplete(later, assumed)), [false, true]);
  });
});

Deno.test("takeCensus() names addresses that do not answer, and counts the own server alone with localOnly", async () => {
  await using one = await ApiServerDouble.open();
  await using two = await ApiServerDouble.open();
  one.leases = ["apiserver-one", "apiserver-two"];
  two.fault = () => statusAnswer(403, "no");
  await withCensus([one, two], async (options) => {
    const { servers, failures } = await takeCensus(options);
    deepEqual(servers.map(({ state }) => state), ["ready", "unseen"]);
    match(failures.join(), /^Cannot look at the API servers: .* forbids \/metrics to this user\.$/);
  });
  await withCensus([one], async (options) => {
    deepEqual((await takeCensus(options)).servers.map(({ name, state }) => [name, state]), [[one.origin, "ready"]]);
    equal(one.requests.filter(({ path }) => path.endsWith("leases")).length, 1);
  }, true);
});

Deno.test("takeCensus() counts an address that did not answer, unless a Lease that is not seen can be its own", async () => {
  await using one = await ApiServerDouble.open();
  await using two = await ApiServerDouble.open();
  two.fault = () => statusAnswer(403, "no");
  await withCensus([one, two], async (options) => {
    const states = async () => (await takeCensus(options)).servers.map(({ name, state }) => [name, state]);
    deepEqual(await states(), [["apiserver-one", "ready"], [two.origin, "unseen"]]);
    one.leases = ["apiserver-one", "apiserver-two"];
    deepEqual(await states(), [["apiserver-one", "ready"], ["apiserver-two", "unseen"]]);
    one.leases = [];
    one.namesItself = false;
    deepEqual(await states(), [[one.origin, "ready"], [two.origin, "unseen"]]);
  });
});

Deno.test("takeCensus() leaves out expired Leases, and counts servers whose metrics do not name them", async () => {
  await using one = await ApiServerDouble.open();
  const renewTime = (at: number) => new Date(at).toISOString();
  const lease = (name: string, at: number) => ({
    metadata: { name },
    spec: { renewTime: renewTime(at), leaseDurationSeconds: 3_600 },
  });
  const items = [lease("gone", Date.now() - 7_200_000), lease("alive", Date.now()), { metadata: { name: "odd" } }];
  one.fault = ({ path }) => path.endsWith("leases") ? { status: 200, body: { items } } : undefined;
  await withCensus([one], async (options) => {
    const states = async () => (await takeCensus(options)).servers.map(({ name, state }) => [name, state]);
    // The identity of the double is another one, so that it is none of these.
    deepEqual(await states(), [["alive", "unseen"], ["odd", "unseen"], [one.origin, "ready"]]);
    one.namesItself = false;
    deepEqual(await states(), [[one.origin, "ready"], ["odd", "unseen"]]);
    one.fault = ({ path }) => path.endsWith("leases") ? { status: 200, body: { items: [] } } : undefined;
    deepEqual((await takeCensus(options)).servers.map(({ state }) => state), ["ready"]);
    one.fault = ({ path }) => path.endsWith("leases") ? { status: 200, body: {} } : undefined;
    await rejects(takeCensus(options), { code: "provider_protocol", message: /no list of Leases/ });
    one.fault = ({ path }) => path.endsWith("leases") ? statusAnswer(403, "no") : undefined;
    await rejects(takeCensus(options), { code: "permission_denied" });
  });
});

Deno.test("takeCensus() counts two addresses of a server without a name once, unless its start time differs", async () => {
  await using one = await ApiServerDouble.open();
  await using two = await ApiServerDouble.open();
  for (const double of [one, two]) double.namesItself = false;
  one.leases = ["apiserver-one", "apiserver-two"];
  await withCensus([one, two], async (options) => {
    const states = async () => (await takeCensus(options)).servers.map(({ state }) => state);
    deepEqual(await states(), ["ready", "unseen"], "the same start time");
    two.keyId = "t1-old";
    deepEqual(await states(), ["behind", "unseen"], "it has the worse of the two states");
    two.keyId = "t1-new";
    for (const double of [one, two]) double.startedAt = undefined;
    deepEqual(await states(), ["ready", "unseen"], "no start time");
    one.startedAt = 1_764_519_000.25;
    two.startedAt = 1_764_519_000.26;
    deepEqual(await states(), ["ready", "ready"], "two start times");
    two.startedAt = undefined;
    deepEqual(await states(), ["ready", "unseen"], "one of two start times");
  });
});

Deno.test("awaitReady() waits for a server that is behind, and looks twice at one that is ready", async () => {
  await using one = await ApiServerDouble.open();
  one.keyId = "t1-old";
  const patience = { waitMs: 60_000, everyMs: 5_000 };
  await withCensus([one], async (options) => {
    let looks = 0;
    const census = await awaitReady(options, 0, patience, () => {
      if (++looks === 3) one.keyId = "t1-new";
    });
    deepEqual([isComplete(census, 0), looks], [true, 5]);
    one.keyId = "t1-old";
    looks = 0;
    equal(isComplete(await awaitReady(options, 0, patience, () => void looks++), 0), false);
    equal(looks, 13);
  });
});

Deno.test("awaitReady() looks once where no server has had another key ID since its start", async () => {
  await using one = await ApiServerDouble.open();
  await using two = await ApiServerDouble.open();
  one.leases = ["apiserver-one", "apiserver-two"];
  two.leases = ["apiserver-two"];
  await withCensus([one, two], async (options) => {
    const cases = [[[], [], 1], [["t1-old"], [], 2], [[], ["t1-old"], 2]] as const;
    for (const [ofOne, ofTwo, expected] of cases) {
      one.pastKeyIds = ofOne;
      two.pastKeyIds = ofTwo;
      let looks = 0;
      const census = await awaitReady(options, 0, { waitMs: 60_000, everyMs: 5_000 }, () => void looks++);
      deepEqual([isComplete(census, 0), looks], [true, expected]);
    }
  });
});

Deno.test("awaitReady() does not wait for a server that none of the addresses reaches", async () => {
  await using one = await ApiServerDouble.open();
  one.leases = ["apiserver-one", "apiserver-two"];
  await withCensus([one], async (options) => {
    let looks = 0;
    const census = await awaitReady(options, 0, { waitMs: 60_000, everyMs: 5_000 }, () => void looks++);
    deepEqual([looks, census.servers.map(({ state }) => state)], [1, ["ready", "unseen"]]);
  });
});

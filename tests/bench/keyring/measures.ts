/**
 * The measurements of both servers side by side.
 *
 * @module
 */
import { pause, type Process } from "../../support/processes.ts";
import type { Driver, DriverOptions, KvCommand } from "../driver.ts";
import { footprint, median } from "../process_figures.ts";
import type { KvServer } from "./servers.ts";

/** One figure of both servers. */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly trousseau: number;
  readonly vault: number;
  /** Bound of trousseau to Vault. */
  readonly bound: { readonly atMost: number } | { readonly atLeast: number };
}

/** The two servers, ours first. */
export type ServerPair = readonly [trousseau: KvServer, vault: KvServer];

const inFlight = 16;

/** Milliseconds of rest before memory is read: both servers collect garbage while they rest. */
const settleMs = 25_000;

const warmup = 1;

/** Takes a figure of each server in turn, `rounds` times. The medians count. */
async function inTurn(
  servers: ServerPair,
  rounds: number,
  figure: (server: KvServer) => Promise<number>,
): Promise<Pick<Comparison, "trousseau" | "vault">> {
  const taken = { trousseau: [] as number[], vault: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    // The second of two is helped or harmed by what the first has left in the machine's caches.
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      taken[server.name].push(await figure(server));
    }
  }
  return { trousseau: median(taken.trousseau), vault: median(taken.vault) };
}

/** Writes all secrets to both at the same time. */
export async function seed(driver: Driver, servers: ServerPair): Promise<void> {
  await Promise.all(servers.map(async ({ target, start, seed }) => {
    if (seed !== undefined) return await seed();
    await using _running = await start();
    await driver.kv("kv-seed", target, { "in-flight": inFlight, calls: target.count });
  }));
}

/** Reads, writes and listings, while both run. */
export async function measureRates(
  driver: Driver,
  servers: ServerPair,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<Comparison[]> {
  await using _ours = await servers[0].start();
  await using _vault = await servers[1].start();
  const of = async (command: KvCommand, options: DriverOptions, field: "rate" | "p50" | "p99") =>
    await inTurn(servers, rounds, async ({ target }) => (await driver.kv(command, target, options))[field]);
  const load = { "in-flight": inFlight, seconds, warmup };
  const listed = Math.min(servers[0].target.count, 10_000);
  return [
    {
      what: `reads, ${inFlight} in flight`,
      unit: "/s",
      ...await of("kv-read", load, "rate"),
      bound: { atLeast: 1 },
    },
    {
      what: `acknowledged writes, ${inFlight} in flight`,
      unit: "/s",
      ...await of("kv-write", load, "rate"),
      bound: { atLeast: 1 },
    },
    {
      what: `lists of ${listed}, one at a time`,
      unit: "/s",
      ...await of("kv-list", { "in-flight": 1, seconds, warmup }, "rate"),
      bound: { atLeast: 1 },
    },
  ];
}

/** Resident memory at rest, after each secret was read once; one server at a time. */
export async function measureMemory(driver: Driver, servers: ServerPair): Promise<Comparison> {
  const resident = async ({ target }: KvServer, { pid }: Process) => {
    await driver.kv("kv-read", target, { "in-flight": inFlight, calls: target.count });
    await pause(settleMs);
    return (await footprint(pid)).residentMb;
  };
  const figures = await inTurn(servers, 1, async (server) => {
    await using running = await server.start();
    return await resident(server, running);
  });
  const what = `resident with ${servers[0].target.count} secrets, each read once`;
  return { what, unit: "MB", ...figures, bound: { atMost: 0.7 } };
}

/** From exec to the first secret that is answered. */
export async function measureFirst(driver: Driver, servers: ServerPair, rounds: number): Promise<Comparison> {
  const figures = await inTurn(servers, rounds, async ({ target, command }) => {
    return (await driver.kv("kv-first", target, {}, command)).p50;
  });
  return { what: "exec to the first secret", unit: "ms", ...figures, bound: { atMost: 0.5 } };
}

/**
 * A keyring whose server, and whose etcd, are killed while sixteen writers write: each acknowledged write is there byte for
 * byte, nothing that was refused, and the whole store verifies. `TROUSSEAU_KILLS` is the number of kills of each test, 10
 * if it is not set.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import { startCluster } from "../support/etcd.ts";
import { pause } from "../support/processes.ts";
import { keyringPrograms, KeyringSite } from "./harness/keyring.ts";
import { KeyringWriters } from "./harness/keyring_writers.ts";

const kills = Number(Deno.env.get("TROUSSEAU_KILLS") ?? "10");
const writers = 16;
const programs = await keyringPrograms();

/** Milliseconds of writing: some kills come before the first write of a round. */
function drawTime(): number {
  return Math.random() * 1_500;
}

async function verifies(site: KeyringSite): Promise<void> {
  await site.stop();
  const { code, stdout, stderr } = await site.operator("verify");
  equal(code, 0, stdout + stderr);
}

function report(name: string, { outcomes: { acknowledged, refused, unanswered } }: KeyringWriters): void {
  ok(acknowledged > kills * writers && refused > kills, `${acknowledged} acknowledged, ${refused} refused`);
  const text = `${acknowledged} acknowledged, ${refused} refused, ${unanswered} unanswered`;
  Deno.stdout.writeSync(new TextEncoder().encode(`figure: ${name}, ${kills} kills: ${text}, none lost\n`));
}

Deno.test(`SIGKILL ${kills} times: a keyring keeps what it acknowledged, and nothing that it refused`, async () => {
  await using site = await KeyringSite.make(programs);
  const model = new KeyringWriters(site);
  for (let round = 0; round < kills; round++) {
    await site.start();
    await model.compare();
    const stopped = new AbortController();
    const writing = model.write(round, writers, stopped.signal);
    await pause(drawTime());
    await site.crash();
    stopped.abort();
    await writing;
  }
  await site.start();
  await model.compareAll();
  await verifies(site);
  report("embedded store", model);
});

Deno.test(`SIGKILL ${kills} times: a keyring on etcd keeps what it acknowledged when the server or etcd is killed`, async () => {
  await using cluster = await startCluster();
  const [member] = cluster.members;
  ok(member !== undefined);
  const { endpoints, tls } = cluster.settings;
  await using site = await KeyringSite.make(programs, {
    keyring: { etcd: { endpoints, prefix: "/keyring/", ...tls } },
  });
  const model = new KeyringWriters(site);
  await site.start();
  for (let round = 0; round < kills; round++) {
    await site.ready();
    await model.compare();
    const stopped = new AbortController();
    const writing = model.write(round, writers, stopped.signal);
    await pause(drawTime());
    const dies = round % 3;
    if (dies !== 1) await member.process.kill();
    if (dies !== 0) await site.crash();
    await pause(drawTime());
    stopped.abort();
    if (dies !== 1) member.start();
    await writing;
    if (dies !== 0) await site.start();
    await untilServed(site);
  }
  await model.compareAll();
  await verifies(site);
  report("etcd", model);
});

/** Waits until reads are answered: after a crash of its only member, etcd has no leader for some seconds. */
async function untilServed(site: KeyringSite): Promise<void> {
  for (let tries = 0;; tries++) {
    const { status, text } = await site.call("GET", "/api/v1/list/");
    if (status === 200) return;
    equal(status, 503, text);
    ok(tries < 240, text);
    await pause(500);
  }
}

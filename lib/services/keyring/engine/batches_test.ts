import assert from "node:assert/strict";
import { pause } from "../../../../tests/support/processes.ts";
import { Batches } from "./batches.ts";

Deno.test("Batches sends what has gathered while a batch was done, in order and one batch at a time", async () => {
  const sent: number[][] = [];
  let running = 0;
  const batches = new Batches<number, number>(async (jobs) => {
    assert.equal(++running, 1);
    sent.push([...jobs]);
    await pause(5);
    running--;
    return jobs.map((job) => -job);
  });
  const first = [batches.submit(1, 0).answer, batches.submit(2, 0).answer];
  await pause(2);
  const later = [3, 4, 5].map((job) => batches.submit(job, 0).answer);
  assert.deepEqual(await Promise.all([...first, ...later]), [-1, -2, -3, -4, -5]);
  assert.deepEqual(sent, [[1, 2], [3, 4, 5]]);
});

Deno.test("Batches limits a batch by jobs and bytes", async () => {
  const sizes: number[] = [];
  const batches = new Batches<number, number>((jobs) => {
    sizes.push(jobs.length);
    return Promise.resolve(jobs);
  });
  await Promise.all(Array.from({ length: 300 }, (_, job) => batches.submit(job, 0).answer));
  await Promise.all(Array.from({ length: 5 }, (_, job) => batches.submit(job, 5 << 20).answer));
  assert.deepEqual(sizes, [256, 44, 2, 2, 1]);
});

Deno.test("Batches repeats the jobs of a failed batch one by one, so that only those fail that cannot be done", async () => {
  const batches = new Batches<number, number>((jobs) =>
    jobs.includes(2) ? Promise.reject(new Error(`failed ${jobs}`)) : Promise.resolve(jobs)
  );
  const results = await Promise.allSettled([1, 2, 3].map((job) => batches.submit(job, 0).answer));
  assert.deepEqual(results.map((one) => one.status === "fulfilled" ? one.value : one.reason.message), [
    1,
    "failed 2",
    3,
  ]);
});

Deno.test("Batches repeats nothing after a failure that forbids it", async () => {
  let sent = 0;
  const batches = new Batches<number, number>(() => Promise.reject(new Error(`${++sent}`)), () => false);
  const results = await Promise.allSettled([1, 2].map((job) => batches.submit(job, 0).answer));
  assert.deepEqual(results.map((one) => one.status), ["rejected", "rejected"]);
  assert.equal(sent, 1);
});

Deno.test("Submitted.withdraw() takes back a job that was not sent, and no other", async () => {
  const sent: number[] = [];
  const batches = new Batches<number, number>(async (jobs) => {
    sent.push(...jobs);
    await pause(5);
    return jobs;
  });
  const first = batches.submit(1, 0);
  await pause(2);
  const second = batches.submit(2, 0);
  const third = batches.submit(3, 0);
  assert.deepEqual([first.withdraw(), second.withdraw(), second.withdraw()], [false, true, false]);
  assert.deepEqual(await Promise.all([first.answer, third.answer]), [1, 3]);
  assert.deepEqual(sent, [1, 3]);
});

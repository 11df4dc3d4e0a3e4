import { deepEqual, equal, rejects } from "node:assert/strict";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { type Clock, systemClock } from "./clock.ts";
import { stateFile } from "./state_file.ts";
import { updateState } from "./state_update.ts";

interface Names {
  readonly names: readonly string[];
}

const format = {
  name: "names.json",
  content: "the names",
  format: 1,
  maxBytes: 65_536,
  parse: ({ names }: { readonly [key: string]: unknown }): Names | undefined =>
    Array.isArray(names) ? { names } : undefined,
  advice: "remove it",
} as const;

/**
 * A clock whose time stands still: on a busy machine twenty writes can take longer than the two seconds of patience.
 */
const patient: Clock = { ...systemClock, now: () => 0 };

Deno.test("updateState() loses no change of concurrent updates, and leaves no other file", async () => {
  await inFolder(async (parent) => {
    const folder = `${parent}/state`;
    const add = (name: string) => {
      const file = stateFile<Names>(folder, format);
      return updateState(folder, file, (found) => ({ names: [...found?.names ?? [], name] }), patient);
    };
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    await Promise.all(names.map(add));
    const found = await stateFile<Names>(folder, format).read();
    deepEqual([...found?.names ?? []].sort(), [...names].sort());
    deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["names.json"]);
    equal(((await Deno.stat(`${folder}/names.json`)).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("updateState() writes nothing if there is no change", async () => {
  await inFolder(async (folder) => {
    const file = stateFile<Names>(folder, format);
    equal(await updateState(folder, file, () => undefined), undefined);
    deepEqual([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("updateState() fails after two seconds if another process keeps the folder locked", async () => {
  await inFolder(async (folder) => {
    using holder = await Deno.open(folder, { read: true });
    await holder.lock(true);
    const started = performance.now();
    await rejects(updateState(folder, stateFile<Names>(folder, format), () => ({ names: [] })), {
      code: "config",
      message: /keeps it locked/,
    });
    equal(performance.now() - started < 8_000, true);
  });
});

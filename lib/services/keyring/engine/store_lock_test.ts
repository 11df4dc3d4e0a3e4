import { rejects } from "node:assert/strict";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { lockStore } from "./store_lock.ts";

Deno.test("lockStore() waits for a lock that ends within a second", async () => {
  await inFolder(async (folder) => {
    const first = await lockStore(`${folder}/store`);
    const second = lockStore(`${folder}/store`);
    await new Promise((resolve) => setTimeout(resolve, 120));
    first[Symbol.dispose]();
    (await second)[Symbol.dispose]();
  });
});

Deno.test("lockStore() names the process that keeps a lock", async () => {
  await inFolder(async (folder) => {
    using _first = await lockStore(`${folder}/store`);
    await rejects(lockStore(`${folder}/store`), {
      code: "store_unavailable",
      message: `Cannot open the store at "${folder}/store": process ${Deno.pid} has it open; stop that one first.`,
    });
  });
});

import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import type { PatchResult } from "./object_patch.ts";
import { workInOrder } from "./ordered_work.ts";
import { RewriteProgress } from "./rewrite_progress.ts";
import { RewriteResults } from "./rewrite_results.ts";

const resource = { group: "", version: "v1", name: "secrets", namespaced: true, verbs: ["list", "patch"] };
const collection = { resource, namespace: "a" };
const fault: PatchResult = { kind: "refused", sentence: "it answered 500", serverFault: true };
const denied: PatchResult = { kind: "refused", sentence: "denied", serverFault: false };
const done: PatchResult = { kind: "done", revision: 9 };

/** Results of objects that a list of revision 8 names by numbers. */
function started() {
  const progress = new RewriteProgress(
    { server: "https://s", api: "v2", keyId: "t1-new", resources: ["secrets"] },
    undefined,
  );
  const shown: number[] = [];
  const results = new RewriteResults(progress, "rewrite the objects", ({ finished }) => void shown.push(finished));
  let at = 0;
  const add = (result: PatchResult) => results.add({ collection, name: `${at++}`, listed: 8 }, result);
  return { progress, results, add, shown };
}

Deno.test("RewriteResults counts what is done, written, gone and refused, and moves the cursor", () => {
  const { progress, add, shown } = started();
  add(done);
  add({ kind: "done", revision: 7 });
  add({ kind: "gone" });
  add(denied);
  deepEqual(progress.counts, [{ resource: "secrets", objects: 2, written: 1, gone: 1, refused: 1 }]);
  deepEqual(progress.refusals, [{ resource: "secrets", namespace: "a", name: "3", sentence: "denied" }]);
  deepEqual(progress.cursor, { resource: "secrets", namespace: "a", name: "3" });
  deepEqual(shown, [1, 2, 3, 4]);
});

for (const [what, follow] of [["another answer", "add"], ["a refused list", "refuse"], ["the end", "end"]] as const) {
  Deno.test(`RewriteResults counts failures of the API server when ${what} follows`, () => {
    const { progress, results, add } = started();
    add(done);
    for (let count = 0; count < 9; count++) add(fault);
    deepEqual([progress.finished, progress.cursor?.name], [1, "0"]);
    if (follow === "add") add(denied);
    if (follow === "refuse") results.refuse({ resource: "secrets", namespace: "b", name: "", sentence: "no" });
    if (follow === "end") results.end();
    deepEqual(
      [progress.finished, progress.cursor?.name],
      follow === "add" ? [11, "10"] : [follow === "end" ? 10 : 11, "9"],
    );
    // A list that was refused behind the cursor is listed again by a run that goes on.
    equal(progress.state([]).counts[0]?.refused, follow === "add" ? 10 : 9);
  });
}

Deno.test("RewriteResults ends at ten failures in a row, and a run that goes on tries them again", () => {
  const { progress, add } = started();
  add(done);
  add(fault);
  add(done);
  for (let count = 0; count < 9; count++) add(fault);
  throws(() => add(fault), { code: "unreachable", message: /failed at 10 objects in a row/ });
  deepEqual([progress.finished, progress.cursor?.name, progress.refusals.length], [3, "2", 1]);
});

Deno.test("RewriteResults leaves the cursor before ten failures, though later objects are done meanwhile", async () => {
  const { progress, results } = started();
  const objects = Array.from({ length: 100 }, (_, at) => ({ collection, name: `${at}`, listed: 8 }));
  const [all, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const patch = async ({ name }: { readonly name: string }) => {
    if (name === "15") all.resolve();
    await (Number(name) <= 10 ? all : ended).promise;
    return Number(name) >= 1 && Number(name) <= 10 ? fault : done;
  };
  const work = workInOrder(objects, 16, patch, (object, result) => {
    if (object.name === "10") setTimeout(ended.resolve, 0);
    results.add(object, result);
  });
  await rejects(work, { code: "unreachable", message: /failed at 10 objects in a row/ });
  deepEqual([progress.finished, progress.cursor?.name, progress.refusals], [1, "0", []]);
});

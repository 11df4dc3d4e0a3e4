import assert from "node:assert/strict";
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { TreeHints } from "./tree_hints.ts";

const hint = { key: new Uint8Array(48), id: new Uint8Array(16) };

Deno.test("TreeHints keeps a path that is used, and forgets the least recently used of more than 20,000", () => {
  const hints = new TreeHints();
  const name = (at: number) => `s${at}` as SecretPath;
  hints.note(name(0), hint);
  for (let at = 1; at <= 25_000; at++) {
    hints.note(name(at), hint);
    assert.equal(hints.get(name(0)), hint);
  }
  assert.deepEqual([1, 5_001, 5_002, 25_000].map((at) => hints.get(name(at)) !== undefined), [
    false,
    false,
    true,
    true,
  ]);
  hints.forget(name(0));
  assert.equal(hints.get(name(0)), undefined);
});

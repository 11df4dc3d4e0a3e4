import { deepEqual } from "node:assert/strict";
import { EncryptionUsage } from "./encryption_usage.ts";
import type { StoredLabel } from "./objects/stored_value.ts";

const none = { provider: null, keyId: null, format: null, wraps: [] } as const;

const labels: readonly StoredLabel[] = [
  { state: "plain", ...none },
  { state: "aesgcm", ...none, provider: "k1" },
  { state: "kms-v2", ...none, provider: "a", keyId: "1" },
  { state: "kms-v2", ...none, provider: "a", keyId: "2" },
  { state: "trousseau-v2", ...none, provider: "a", keyId: "2", wraps: [{ name: "b", version: "1" }] },
  { state: "trousseau-v2", ...none, provider: "a", keyId: "2", wraps: [{ name: "b", version: "2" }] },
];

function rowsOf(read: readonly StoredLabel[]) {
  const usage = new EncryptionUsage(false);
  for (const label of read) usage.add({ resource: "secrets", namespace: "a", name: "b" }, label, 5, "newest");
  return usage.rows();
}

Deno.test("EncryptionUsage.rows() depends on the values, and not on the order in which they are read", () => {
  const rows = rowsOf(labels);
  deepEqual(rows.length, labels.length);
  deepEqual(rowsOf(labels.toReversed()), rows);
  deepEqual(rowsOf([...labels.slice(3), ...labels.slice(0, 3)]), rows);
  deepEqual(rowsOf([...labels, ...labels.slice(3, 4)])[0], { ...rows.find(({ keyId }) => keyId === "2"), objects: 2 });
});

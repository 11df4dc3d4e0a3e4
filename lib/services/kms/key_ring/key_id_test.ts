import { equal, notEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { type KeyIdMember, keyIdOf, unseenVersion } from "./key_id.ts";

const vault: KeyIdMember = { name: "vault-eu", kind: "vault-transit", version: "7" };
const aws: KeyIdMember = { name: "aws-é", kind: "aws-kms", version: "arn:aws:kms:eu-west-1:111122223333:key/1" };

/** The ID by the description in docs/format.md. */
function expected(...fields: readonly string[]): string {
  const hash = createHash("sha256");
  for (const field of fields) {
    const bytes = Buffer.from(field, "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return `t1-${hash.digest("hex").slice(0, 32)}`;
}

Deno.test("keyIdOf() hashes the epoch, then name, kind and version of each provider in name order", () => {
  const id = expected("3", aws.name, aws.kind, aws.version, vault.name, vault.kind, vault.version);
  equal(keyIdOf(3, [vault, aws]), id);
  equal(keyIdOf(3, [aws, vault]), id);
  equal(id.length, 35);
});

Deno.test("keyIdOf() differs for each other epoch, name, kind, version or number of providers", () => {
  const others = [
    keyIdOf(0, [vault]),
    keyIdOf(1, []),
    keyIdOf(1, [vault, aws]),
    ...(["name", "kind", "version"] as const).map((field) => keyIdOf(1, [{ ...vault, [field]: "other" }])),
  ];
  for (const other of others) notEqual(other, keyIdOf(1, [vault]));
});

Deno.test("keyIdOf() does not change its argument", () => {
  const members = [vault, aws];
  keyIdOf(0, members);
  equal(members[0], vault);
});

Deno.test("A provider that was never seen counts with the version ? on every node", () => {
  equal(keyIdOf(0, [{ ...vault, version: unseenVersion }]), expected("0", vault.name, vault.kind, "?"));
});

/**
 * A small snapshot of etcd for tests.
 *
 * @module
 */
import { concat, sha256, utf8 } from "../../lib/base/bytes.ts";
import { boltFile } from "./bolt_pages.ts";
import { etcdRow } from "./etcd_rows.ts";

/** A snapshot with its SHA-256, and one Secret in plain text: `/registry/secrets/default/db`. */
export function plainSnapshot(): Uint8Array {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "db", namespace: "default" },
    data: { a: "Yg==" },
  };
  const row = etcdRow({ revision: 2, key: "/registry/secrets/default/db", value: utf8(JSON.stringify(secret)) });
  const database = boltFile("key", [row]);
  return concat(database, sha256(database));
}

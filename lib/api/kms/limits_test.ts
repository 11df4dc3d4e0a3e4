import { equal, match } from "node:assert/strict";
import { complaintAboutCipher, complaintAboutSealed, complaintAboutStatus, isAnnotationKey } from "./limits.ts";

const status = { version: "v2", healthz: "ok", key_id: "k" };
const sealed = { ciphertext: new Uint8Array(1), key_id: "k", annotations: {} };

Deno.test("complaintAboutStatus() accepts v2 and v2beta1, a key_id of 1 to 1,024 bytes, and any healthz", () => {
  for (const version of ["v2", "v2beta1"]) equal(complaintAboutStatus({ ...status, version }), undefined);
  for (const version of ["", "v1", "V2"]) match(complaintAboutStatus({ ...status, version }) ?? "", /v2 or v2beta1$/);
  equal(complaintAboutStatus({ ...status, healthz: "Vault is sealed.", key_id: "x".repeat(1024) }), undefined);
  match(complaintAboutStatus({ ...status, key_id: "" }) ?? "", /key_id is empty/);
  match(complaintAboutStatus({ ...status, key_id: "é".repeat(513) }) ?? "", /1026 bytes, more than 1024/);
});

Deno.test("isAnnotationKey() accepts the fully qualified domain names of k8s.io/apimachinery", () => {
  for (const good of ["a.b", "a.b.", "v1.key-2.example.com", `${"x".repeat(63)}.b`]) equal(isAnnotationKey(good), true);
  for (const bad of ["", "a", "a..", ".a.b", "A.b", "a_b.c", "-a.b", `${"x".repeat(64)}.b`, "__proto__"]) {
    equal(isAnnotationKey(bad), false, bad);
  }
});

Deno.test("complaintAboutSealed() and complaintAboutCipher() accept values up to their limits", () => {
  equal(complaintAboutSealed({ ...sealed, ciphertext: new Uint8Array(1024) }), undefined);
  match(complaintAboutSealed({ ...sealed, ciphertext: new Uint8Array(1025) }) ?? "", /more than 1024/);
  match(complaintAboutSealed({ ...sealed, annotations: { Nope: new Uint8Array(1) } }) ?? "", /domain name/);
  equal(complaintAboutCipher(new Uint8Array(65_535)), undefined);
  match(complaintAboutCipher(new Uint8Array(65_536)) ?? "", /more than 65535/);
  match(complaintAboutCipher(new Uint8Array(0)) ?? "", /empty/);
});

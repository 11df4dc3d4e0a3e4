import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { entryFor, forgottenVersions } from "./forgotten.ts";
import type { SealedVersion } from "./sentinel.ts";

const google = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions";
const aws = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab#a1b2";
const known: readonly SealedVersion[] = [
  { provider: "vault", kind: "vault-transit", version: "1@2026-01-31T12:00:00Z" },
  { provider: "vault", kind: "vault-transit", version: "11@2026-02-28T12:00:00Z" },
  { provider: "remade", kind: "vault-transit", version: "1@2026-01-31T12:00:00Z" },
  { provider: "remade", kind: "vault-transit", version: "1@2026-06-30T12:00:00Z" },
  { provider: "google", kind: "gcp-kms", version: `${google}/1` },
  { provider: "aws", kind: "aws-kms", version: aws },
  { provider: "local", kind: "local", version: "0123456789abcdef" },
];

function forgets(...entries: string[]) {
  const { forgets, idle } = forgottenVersions(entries, known);
  return { versions: known.filter(forgets).map(({ provider, version }) => `${provider}@${version}`), idle };
}

Deno.test("forgottenVersions() matches a version by its text, or by the number or ID that its vendor shows", () => {
  deepEqual(forgets("vault@1").versions, ["vault@1@2026-01-31T12:00:00Z"]);
  deepEqual(forgets("vault@11").versions, ["vault@11@2026-02-28T12:00:00Z"]);
  deepEqual(forgets("vault@1@2026-01-31T12:00:00Z").versions, ["vault@1@2026-01-31T12:00:00Z"]);
  deepEqual(forgets("google@1").versions, [`google@${google}/1`]);
  deepEqual(forgets(`google@${google}/1`).versions, [`google@${google}/1`]);
  deepEqual(forgets(`aws@${aws}`).versions, [`aws@${aws}`]);
  deepEqual(forgets("local@0123456789abcdef").versions, ["local@0123456789abcdef"]);
});

Deno.test("forgottenVersions() matches nothing by a name alone, another provider, a part of a number, or an ambiguous number", () => {
  for (const entry of ["vault", "other@1", "vault@2", "vault@", "vault@1@", "vault@2026-01-31T12:00:00Z", "local@01"]) {
    deepEqual(forgets(entry).versions, [], entry);
  }
  deepEqual(forgets("remade@1"), {
    versions: [],
    idle: [{
      entry: "remade@1",
      candidates: ["1@2026-01-31T12:00:00Z", "1@2026-06-30T12:00:00Z"],
      reason: "ambiguous",
    }],
  });
  deepEqual(forgets("vault@2").idle, [{
    entry: "vault@2",
    candidates: ["1@2026-01-31T12:00:00Z", "11@2026-02-28T12:00:00Z"],
    reason: "unknown",
  }]);
  deepEqual(forgets("remade@1@2026-06-30T12:00:00Z").versions, ["remade@1@2026-06-30T12:00:00Z"]);
});

Deno.test("entryFor() returns an entry that matches its version and no other one", () => {
  equal(entryFor({ provider: "vault", kind: "vault-transit", version: "1@2026-01-31T12:00:00Z" }, known), "vault@1");
  const version = fc.stringMatching(/^[1-3](@[a-b])?(\/[1-3])?$/);
  fc.assert(fc.property(fc.uniqueArray(version, { minLength: 1, maxLength: 8 }), (versions) => {
    const all = versions.map((version) => ({ provider: "a", kind: "k", version }));
    for (const one of all) {
      const { forgets, idle } = forgottenVersions([entryFor(one, all)], all);
      deepEqual([all.filter(forgets), idle], [[one], []]);
    }
  }));
});

import { equal, match } from "node:assert/strict";
import type { SealedVersionStatus } from "../service.ts";
import { wellStatus } from "../../tests/support/fake_service.ts";
import { unreadable } from "./readable.ts";

const sealed = (provider: string, state: SealedVersionStatus["state"], announced = true): SealedVersionStatus => ({
  provider,
  kind: "memory",
  version: "v1",
  announced,
  state,
  code: state === "refused" ? "key_unknown" : "ok",
  message: state === "refused" ? `Provider "${provider}" has no version v1.` : "",
  testedAt: 0,
});

Deno.test("unreadable() is red when every announced version refuses its sentinel, and not while one may open", () => {
  const why = (...sealedVersions: SealedVersionStatus[]) => unreadable({ ...wellStatus, sealedVersions });
  equal(why(), "");
  match(why(sealed("a", "refused")), /^What is sealed under the announced key ID .* Provider "a" has no version v1\.$/);
  match(why(sealed("a", "refused"), sealed("b", "refused")), /"a" .*"b"/);
  for (const state of ["opens", "not_tested", "unknown"] as const) {
    equal(why(sealed("a", "refused"), sealed("b", state)), "", state);
  }
  equal(why(sealed("old", "refused", false)), "", "what was rewritten may be closed");
  equal(why(sealed("old", "refused", false), sealed("a", "opens")), "");
  match(why(sealed("old", "opens", false), sealed("a", "refused")), /"a"/);
});

Deno.test("unreadable() says how many Decrypts were refused, why, and where to read on", () => {
  const refused = [
    { code: "key_unknown", message: "No such key.", envelopes: 2, since: 0, lastAt: 0 },
    { code: "integrity", message: "Damaged.", envelopes: 1, since: 0, lastAt: 0 },
  ] as const;
  const decrypts = { windowMs: 300_000, refused, lastOpenedAt: undefined, failing: true };
  equal(
    unreadable({ ...wellStatus, decrypts }),
    "Stored data cannot be read: Decrypts of 3 envelopes were refused in the last 5 minutes and none succeeded; find the " +
      'cause in the README under "Refused Decrypts". No such key. Damaged.',
  );
  equal(unreadable({ ...wellStatus, decrypts: { ...decrypts, failing: false } }), "");
});

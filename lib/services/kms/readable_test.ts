import { equal, match } from "node:assert/strict";
import type { SealedVersionStatus } from "./service.ts";
import { wellStatus } from "../../../tests/support/fake_service.ts";
import { unreadable } from "./readable.ts";

const sealed = (
  provider: string,
  state: SealedVersionStatus["state"],
  announced = true,
  version = "v1",
): SealedVersionStatus => ({
  provider,
  kind: "memory",
  version,
  announced,
  state,
  code: state === "refused" ? "key_unknown" : "ok",
  message: state === "refused" ? `Provider "${provider}" has no version ${version}.` : "",
  testedAt: 0,
});

Deno.test("unreadable() reports when every announced provider refuses a sentinel, and not while one does not", () => {
  const why = (...sealedVersions: SealedVersionStatus[]) => unreadable({ ...wellStatus, sealedVersions });
  equal(why(), "");
  match(
    why(sealed("a", "refused")),
    /^What this node has sealed cannot be opened again\. Provider "a" has no version v1\.$/,
  );
  match(why(sealed("a", "refused"), sealed("b", "refused")), /"a" .*"b"/);
  for (const state of ["opens", "not_tested", "unknown"] as const) {
    equal(why(sealed("a", "refused"), sealed("b", state)), "", state);
  }
  equal(why(sealed("old", "refused", false)), "", "what was rewritten may be closed");
  equal(why(sealed("old", "refused", false), sealed("a", "opens")), "");
  match(why(sealed("old", "opens", false), sealed("a", "refused")), /"a"/);
});

Deno.test("unreadable() still reports when the key that replaced a lost one is announced and opens", () => {
  const why = (...sealedVersions: SealedVersionStatus[]) => unreadable({ ...wellStatus, sealedVersions });
  const [lost, next] = [sealed("a", "refused"), sealed("a", "opens", true, "v2")];
  equal(why(lost, next), 'What this node has sealed cannot be opened again. Provider "a" has no version v1.');
  equal(why(lost, next, sealed("b", "opens")), "", "the other provider opens all of it");
  match(why(lost, next, sealed("b", "refused"), sealed("b", "opens", true, "v2")), /"a" .*"b"/);
  equal(why(sealed("a", "refused", false), next), "", "a version that was retired after it was replaced");
});

Deno.test("unreadable() gives the number of refused Decrypts, the reason, and the page of the documentation", () => {
  const refused = [
    { code: "key_unknown", message: "No such key.", envelopes: 2, since: 0, lastAt: 0 },
    { code: "integrity", message: "Damaged.", envelopes: 1, since: 0, lastAt: 0 },
  ] as const;
  const decrypts = { windowMs: 300_000, refused, lastOpenedAt: undefined, failing: true };
  equal(
    unreadable({ ...wellStatus, decrypts }),
    "Stored data cannot be read: Decrypts of 3 envelopes were refused in the last 5 minutes and none succeeded; find the " +
      'cause in docs/troubleshooting.md under "Refused Decrypts". No such key. Damaged.',
  );
  equal(unreadable({ ...wellStatus, decrypts: { ...decrypts, failing: false } }), "");
});

import { deepEqual, equal, match } from "node:assert/strict";
import type { SealedVersionStatus } from "../status.ts";
import { knownVersions, lossSentence, sealedVersions } from "./sealed_versions.ts";
import type { AnnouncedId } from "./state.ts";

const kind = "vault-transit";

function announced(...versions: readonly string[]): AnnouncedId {
  const members = versions.map((version) => ({ name: "a", kind, version }));
  return { id: "t1-0", at: 0, keyEpoch: 0, provisional: false, members };
}

const refused: SealedVersionStatus = {
  provider: "a",
  kind,
  version: "1@x",
  announced: true,
  state: "refused",
  code: "key_unusable",
  message: "Cannot unwrap: it is retired.",
  testedAt: 0,
};

Deno.test("knownVersions() names each version once, newest first, and none that was never seen", () => {
  const history = [announced("1"), announced("?"), announced("2"), announced("1")];
  deepEqual(knownVersions([], history).map(({ version }) => version), ["2", "1"]);
});

Deno.test("sealedVersions() limits its result, and leaves out forgotten versions", () => {
  const history = Array.from({ length: 10_000 }, (_, i) => announced(`v${i}`));
  const decryptors = { holders: [{ name: "a", kind }], forgotten: [] };
  const current = history.at(-1)?.members ?? [];
  const all = sealedVersions({ sentinels: [], history, announced: current, decryptors });
  equal(all.length, 256);
  deepEqual([all[0]?.version, all[0]?.announced, all[1]?.version], ["v9999", true, "v9998"]);
  const given = (forgotten: string[], holders = decryptors.holders) =>
    sealedVersions({
      sentinels: [],
      history: [announced("1"), announced("2")],
      announced: [],
      decryptors: {
        holders,
        forgotten,
      },
    }).map(({ version, message }) => `${version} ${message}`);
  deepEqual(given(["a@1"]), ["2 No sentinel was kept when it was sealed with."]);
  deepEqual(given(["a"]), []);
  deepEqual(given([], [{ name: "a", kind: "local" }]), [
    "2 No provider of this name is configured any more.",
    "1 No provider of this name is configured any more.",
  ]);
});

Deno.test("sealedVersions() leaves out providers that only wrap, which open nothing", () => {
  const decryptors = { holders: [], wrapOnly: [{ name: "a", kind }], forgotten: [] };
  const current = announced("1");
  deepEqual(sealedVersions({ sentinels: [], history: [current], announced: current.members, decryptors }), []);
});

Deno.test("lossSentence() names no provider that only wraps as one that still opens", () => {
  const [a, r] = [{ name: "a", kind }, { name: "r", kind: "recovery" }];
  match(lossSentence(refused, [refused], [[a, r]], [r]), /cannot be read any more: Cannot unwrap/);
});

Deno.test("lossSentence() names the providers that can still open the data, and the remedies", () => {
  const [a, b] = [{ name: "a", kind }, { name: "b", kind: "local" }];
  match(
    lossSentence(refused, [refused], [[a]]),
    /^What this node has sealed with version 1@x of provider "a" cannot be read any more: Cannot unwrap: it is retired\. Restore that version of the key; or, .* forgotten: \['a@1'\]\.$/,
  );
  match(lossSentence(refused, [refused], [[a, b]]), /any more, except where "b" wrapped it too: /);
  const denied = { ...refused, code: "permission_denied" as const };
  const remade = { ...refused, version: "1@y" };
  match(lossSentence(denied, [refused, remade], [[a]]), /Give back the right to it; or, .* \['a@1@x'\]\.$/);
});

import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import type { QuorumState, ServiceStatus } from "./service.ts";
import { outageDecision, type OutagePolicy, outageState } from "./outage.ts";
import { wellStatus } from "../../../tests/support/fake_service.ts";

const policies: readonly OutagePolicy[] = ["keepWriting", "failReady", "failClosed"];
const afterMs = 600_000;
const base: ServiceStatus = {
  ...wellStatus,
  keyId: "t1-a",
  provisional: false,
  message: "",
  quorum: { state: "held" },
  needed: 1,
  providers: [],
  retired: [],
  wrapOnly: [],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  canEncrypt: true,
  sealedVersions: [],
};
const away = { state: "lost", since: 0, forMs: 0, refused: false, message: "Vault is away." } as const;
const refused: QuorumState = { ...away, refused: true, message: "Vault refuses." };

/** The same after some milliseconds. */
function lasting(status: ServiceStatus, forMs: number): ServiceStatus {
  const { quorum } = status;
  return quorum.state === "held" ? status : { ...status, quorum: { ...quorum, forMs: quorum.forMs + forMs } };
}

function say(policy: OutagePolicy, status: Partial<ServiceStatus>, forMs: number) {
  const decided = outageDecision({ policy, afterMs }, lasting({ ...base, ...status }, forMs));
  return decided.say === "refuse" ? `${decided.error.code}: ${decided.error.message}` : decided.say;
}

Deno.test("outageDecision() follows the table of the outage policy, row by row", () => {
  for (const policy of policies) {
    equal(say(policy, {}, afterMs), "ok");
    equal(say(policy, { quorum: away }, afterMs - 1), "ok");
    equal(say(policy, { quorum: refused }, 0), "key_unusable: Vault refuses.");
    equal(say(policy, { keyId: undefined, message: "No key ID yet." }, 0), "unreachable: No key ID yet.");
  }
  equal(say("keepWriting", { quorum: away }, afterMs), "ok");
  equal(say("failReady", { quorum: away }, afterMs), "unwell");
  equal(say("failClosed", { quorum: away }, afterMs), "unreachable: Vault is away.");
});

Deno.test("outageDecision() sets healthz to the message, and never to `ok` or an empty text during an outage", () => {
  for (const message of ["", "ok", "Vault is away."]) {
    const decided = outageDecision({ policy: "failReady", afterMs }, {
      ...base,
      quorum: { ...away, message, forMs: afterMs },
    });
    ok(decided.say === "unwell" && decided.message !== "" && decided.message !== "ok");
  }
});

const anyQuorum: fc.Arbitrary<QuorumState> = fc.oneof(
  fc.constant<QuorumState>({ state: "held" }),
  fc.record({
    state: fc.constant("lost" as const),
    since: fc.integer({ min: 0, max: 1_000_000 }),
    forMs: fc.nat(2_000_000),
    refused: fc.boolean(),
    message: fc.string(),
  }),
);

const anyStatus: fc.Arbitrary<ServiceStatus> = fc.record({
  keyId: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
  provisional: fc.boolean(),
  message: fc.string(),
  quorum: anyQuorum,
  needed: fc.nat(8),
  providers: fc.constant([]),
  retired: fc.constant([]),
  wrapOnly: fc.constant([]),
  recoveryKeyLoaded: fc.boolean(),
  graceOnOutageMs: fc.nat(),
  canEncrypt: fc.boolean(),
  dataKeyMadeAt: fc.constant(wellStatus.dataKeyMadeAt),
  stateFolder: fc.constant(wellStatus.stateFolder),
  announcedAt: fc.constant(wellStatus.announcedAt),
  firstEncryptAt: fc.constant(wellStatus.firstEncryptAt),
  decrypts: fc.constant(wellStatus.decrypts),
  sealedVersions: fc.constant(wellStatus.sealedVersions),
});

Deno.test("outageDecision() under any policy announces the known key ID, and refuses with one of two codes", () => {
  fc.assert(fc.property(fc.constantFrom(...policies), anyStatus, (policy, status) => {
    const decided = outageDecision({ policy, afterMs }, status);
    if (decided.say === "refuse") {
      return ["unreachable", "key_unusable"].includes(decided.error.code) && decided.error.message !== "";
    }
    return decided.keyId === status.keyId;
  }));
});

Deno.test("outageDecision() under keepWriting refuses only without a key ID or if the KEKs are refused", () => {
  fc.assert(fc.property(anyStatus, (status) => {
    const { say } = outageDecision({ policy: "keepWriting", afterMs }, status);
    const { keyId, quorum } = status;
    return say === (keyId === undefined || (quorum.state === "lost" && quorum.refused) ? "refuse" : "ok");
  }));
});

Deno.test("outageDecision() is the same under all policies until `after` has passed", () => {
  fc.assert(fc.property(anyStatus, (status) => {
    fc.pre(outageState(status.quorum, afterMs) !== "outage_past_after");
    const [first, ...others] = policies.map((policy) => outageDecision({ policy, afterMs }, status));
    for (const other of others) deepEqual(other, first);
  }));
});

Deno.test("outageDecision() past `after` does not change until the quorum is held again", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...policies),
      anyStatus,
      fc.nat(2_000_000),
      (policy, status, later) => {
        const shown = outageDecision({ policy, afterMs }, status).say;
        fc.pre(shown !== "ok");
        return outageDecision({ policy, afterMs }, lasting(status, later)).say === shown;
      },
    ),
  );
});

Deno.test("outageState() is outage_past_after from the exact millisecond on", () => {
  equal(outageState({ ...away, forMs: 9 }, 10), "outage");
  equal(outageState({ ...away, forMs: 10 }, 10), "outage_past_after");
  equal(outageState(refused, 10), "refused");
  equal(outageState({ state: "held" }, 0), "none");
});

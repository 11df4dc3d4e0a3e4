import { deepEqual, equal, match } from "node:assert/strict";
import type { KekGroupStatus, ProviderHealth } from "./status.ts";
import {
  decryptsDocument,
  groupLines,
  healthDocument,
  providerLines,
  quorumDocument,
  readinessLine,
  recoveryKeyDocument,
  recoveryKeyWarning,
  telemetryLines,
  wrapOnlyDocument,
} from "./status_page.ts";

const at = (seconds: number) => Date.UTC(2026, 0, 2, 3, 4, seconds, 5);
const health = { kind: "local", health: "well", code: "ok", message: "", since: at(1), lastGoodAt: undefined } as const;
const well: ProviderHealth = { name: "a", ...health };
const away: ProviderHealth = {
  name: "long-name",
  kind: "aws-kms",
  health: "sick",
  code: "unreachable",
  message: "No route.",
  since: at(2),
  lastGoodAt: at(3),
};
const lost = { state: "lost", since: at(4), forMs: 7, refused: true, message: "No route." } as const;
const status: KekGroupStatus = {
  providers: [well, away],
  retired: [{ name: "old", ...health }],
  wrapOnly: [{ name: "recovery", ...health }],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  quorum: { state: "held" },
  needed: 1,
  decrypts: { windowMs: 300_000, refused: [], failing: false, lastOpenedAt: undefined },
};
const refused = [
  { code: "integrity", message: "Changed.", envelopes: 2, since: at(5), lastAt: at(6) },
  { code: "key_unknown", message: "No key.", envelopes: 1, since: at(7), lastAt: at(8) },
] as const;

Deno.test("quorumDocument() has the state, and of a lost quorum since when and why", () => {
  deepEqual(quorumDocument({ state: "held" }), { state: "held" });
  const since = "2026-01-02T03:04:04.005Z";
  deepEqual(quorumDocument(lost), { state: "lost", since, refused: true, message: "No route." });
});

Deno.test("healthDocument() and wrapOnlyDocument() have the named fields alone", () => {
  const document = {
    name: "long-name",
    kind: "aws-kms",
    health: "sick",
    code: "unreachable",
    message: "No route.",
    since: "2026-01-02T03:04:02.005Z",
    lastGoodAt: "2026-01-02T03:04:03.005Z",
  };
  deepEqual(healthDocument({ ...away, ...{ other: 1 } }), document);
  equal(healthDocument(well).lastGoodAt, null);
  deepEqual(wrapOnlyDocument({ ...status, wrapOnly: [away] }), { wrapOnly: [document] });
  deepEqual(wrapOnlyDocument({ ...status, wrapOnly: [] }), {});
});

Deno.test("recoveryKeyDocument() and groupLines() say what a loaded recovery key permits, and nothing without one", () => {
  const loaded = { ...status, recoveryKeyLoaded: true };
  deepEqual(recoveryKeyDocument(status), {});
  deepEqual(recoveryKeyDocument(loaded), { recoveryKey: recoveryKeyWarning });
  const added = groupLines(loaded).filter((line) => !groupLines(status).includes(line));
  deepEqual(added, [`recovery key: ${recoveryKeyWarning}`]);
  match(recoveryKeyWarning, /can forge/);
});

Deno.test("decryptsDocument() has a member for each code of refused Decrypts", () => {
  deepEqual(decryptsDocument({ windowMs: 300_000, refused: refused.slice(0, 1), failing: true, lastOpenedAt: at(9) }), {
    windowMs: 300_000,
    failing: true,
    lastOpenedAt: "2026-01-02T03:04:09.005Z",
    refused: [{
      code: "integrity",
      message: "Changed.",
      envelopes: 2,
      since: "2026-01-02T03:04:05.005Z",
      lastAt: "2026-01-02T03:04:06.005Z",
    }],
  });
});

Deno.test("readinessLine() gives the message where there is one", () => {
  equal(readinessLine({ ready: true, message: "" }), "ready");
  equal(readinessLine({ ready: true, message: "Soon lost." }), "ready: Soon lost.");
  equal(readinessLine({ ready: false, message: "No route." }), "not ready: No route.");
});

Deno.test("groupLines() says how the quorum is, and how many Decrypts were refused for which reason", () => {
  deepEqual(groupLines(status), ["quorum: 1 of 2 needed, held"]);
  const { decrypts } = status;
  deepEqual(groupLines({ ...status, quorum: lost, decrypts: { ...decrypts, refused } }), [
    "quorum: 1 of 2 needed, lost since 2026-01-02T03:04:04Z: No route.",
    "refused Decrypts: 3 envelopes in the last 5 minutes, none opened since the start",
    "  integrity: 2 envelopes since 2026-01-02T03:04:05Z: Changed.",
    "  key_unknown: 1 envelope since 2026-01-02T03:04:07Z: No key.",
  ]);
  const [, line] = groupLines({ ...status, decrypts: { ...decrypts, refused, lastOpenedAt: at(9) } });
  equal(line, "refused Decrypts: 3 envelopes in the last 5 minutes, last opened 2026-01-02T03:04:09Z");
});

Deno.test("providerLines() has a row for each provider, and names its role where it does not count in the quorum", () => {
  deepEqual(providerLines(status), [
    "PROVIDER   KIND     HEALTH           SINCE                 WHY",
    "a          local    well             2026-01-02T03:04:01Z",
    "long-name  aws-kms  sick             2026-01-02T03:04:02Z  No route.",
    "recovery   local    wrap only, well  2026-01-02T03:04:01Z",
    "old        local    retired, well    2026-01-02T03:04:01Z",
  ]);
});

Deno.test("telemetryLines() has a line where something is wrong", () => {
  deepEqual([telemetryLines(""), telemetryLines("Audit is full.")], [[], ["telemetry: Audit is full."]]);
});

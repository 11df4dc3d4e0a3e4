import { deepEqual, equal, match, ok } from "node:assert/strict";
import { found } from "./finding.ts";
import { withFindingAnchors } from "./finding_anchors.ts";
import { doctorCounts, doctorJunit, doctorText } from "./report.ts";
import { doctorGroups, type DoctorRow } from "./row.ts";
import { doctorRows } from "./rows.ts";

const findings = [
  found("config-valid", { file: "/e" }),
  found("folder-open", { path: "/x", mode: "0777" }),
  found("nodes-unasked", {}),
  found("gate-left", { path: "<&>", file: "f\x1b[31m" }),
];

Deno.test("doctorText() groups the findings, the worst first, each with its cure", async () => {
  equal(
    doctorText("Configuration: /e", await withFindingAnchors(findings), false),
    `Configuration: /e

This node
  bad   Any user may write into /x (mode 0777), and so replace its files.
        → chmod o-w /x
  ok    The configuration /e is valid.

kube-apiserver
  warn  <&> has the feature gate KMSv1, and f\ufffd[31m no provider of apiVersion v1.
        → Take KMSv1=true out of --feature-gates.

The nodes
  skip  No other node was asked.
        → --nodes https://… with the addresses of telemetry, or with files of \`trousseau status --json\`.

1 bad, 1 warning, 1 not examined, 1 ok.
`,
  );
});

Deno.test("doctorText() names the anchor of a failure below its cure, and of no sentence of its own", async () => {
  const message = 'Cannot wrap with provider "v": vault:8200 refused the connection.';
  const anchored = await withFindingAnchors([...findings, found("provider-fails", { message, config: "" })]);
  deepEqual(anchored.map(({ anchors }) => anchors.length), [0, 0, 0, 0, 1]);
  const [anchor = ""] = anchored.at(-1)?.anchors ?? [];
  match(anchor, /^network-/);
  ok(
    doctorText("", anchored, false).includes(
      `        → trousseau check -v shows each call.\n        → Run "trousseau help error ${anchor}" for cause and cure.\n`,
    ),
  );
});

Deno.test("doctorText() marks severities by colour", async () => {
  ok(doctorText("", await withFindingAnchors(findings), true).includes("\x1b[31mbad \x1b[0m"));
});

Deno.test("doctorCounts() counts every severity", () => {
  deepEqual(doctorCounts(findings), { bad: 1, warn: 1, skip: 1, ok: 1 });
});

Deno.test("doctorJunit() has a suite for each group; only what is bad fails", () => {
  const xml = doctorJunit(findings, 0);
  ok(xml.includes('<testsuites name="trousseau doctor" tests="4" failures="1" errors="0">'), xml);
  ok(
    xml.includes(
      '<testsuite name="The nodes" tests="1" failures="0" errors="0" skipped="1" timestamp="1970-01-01T00:00:00">',
    ),
  );
  ok(
    xml.includes(
      '<failure type="bad" message="Any user may write into /x (mode 0777), and so replace its files. → chmod o-w /x"/>',
    ),
  );
  ok(/<system-out>\s+&lt;&amp;&gt; has the feature gate KMSv1/.test(xml), xml);
});

Deno.test("doctorRows has a cure for every fault, and whole sentences", () => {
  for (const [id, row] of Object.entries<DoctorRow>(doctorRows)) {
    ok(row.group in doctorGroups, id);
    equal(row.cure === "", row.severity === "ok", `${id}: a cure`);
    ok(/[.}]$/.test(row.sentence), `${id}: a whole sentence`);
  }
});

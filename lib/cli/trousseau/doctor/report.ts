/**
 * The output of `trousseau doctor`.
 *
 * @module
 */
import { printable } from "../../terminal.ts";
import { errorHelpLines } from "../../error_help.ts";
import { painted, type Tone } from "../../table.ts";
import { junitElement, junitText } from "../junit_xml.ts";
import type { DoctorFinding } from "./finding.ts";
import type { AnchoredFinding } from "./finding_anchors.ts";
import { type DoctorGroup, doctorGroups, type DoctorSeverity } from "./row.ts";

/** The severities, the worst first. */
const severities = ["bad", "warn", "skip", "ok"] as const satisfies readonly DoctorSeverity[];

const toneOfSeverity = { bad: "bad", warn: "warn", skip: "dim", ok: "good" } as const satisfies Record<
  DoctorSeverity,
  Tone
>;

/** The number of findings by severity. */
export type DoctorCounts = Readonly<Record<DoctorSeverity, number>>;

/** Counts findings. */
export function doctorCounts(findings: readonly DoctorFinding[]): DoctorCounts {
  const count = (severity: DoctorSeverity) => findings.filter((one) => one.severity === severity).length;
  return { bad: count("bad"), warn: count("warn"), skip: count("skip"), ok: count("ok") };
}

/** The text: each group with its findings, the worst first, each with its cure below it. */
export function doctorText(subject: string, findings: readonly AnchoredFinding[], colour: boolean): string {
  const groups = doctorGroupNames().map((group) => groupText(group, findings, colour)).filter((text) => text !== "");
  const { bad, warn, skip, ok } = doctorCounts(findings);
  const warnings = warn === 1 ? "1 warning" : `${warn} warnings`;
  return [subject, ...groups, `${bad} bad, ${warnings}, ${skip} not examined, ${ok} ok.`].join("\n\n") + "\n";
}

function groupText(group: DoctorGroup, findings: readonly AnchoredFinding[], colour: boolean): string {
  const ours = inOrder(findings.filter((one) => one.group === group));
  if (ours.length === 0) return "";
  return [doctorGroups[group], ...ours.flatMap((one) => linesOf(one, colour))].join("\n");
}

function linesOf({ severity, sentence, cure, anchors }: AnchoredFinding, colour: boolean): readonly string[] {
  const mark = painted({ text: severity.padEnd(4), tone: toneOfSeverity[severity] }, colour);
  const [first = "", ...more] = sentence.split("\n");
  const below = [
    ...more,
    ...[cure, ...errorHelpLines("trousseau", anchors)].filter((text) => text !== "").map((text) => `→ ${text}`),
  ];
  return [`  ${mark}  ${printable(first)}`, ...below.map((line) => `        ${printable(line)}`)];
}

function inOrder<Finding extends DoctorFinding>(findings: readonly Finding[]): readonly Finding[] {
  return severities.flatMap((severity) => findings.filter((one) => one.severity === severity));
}

function doctorGroupNames(): readonly DoctorGroup[] {
  return Object.keys(doctorGroups) as DoctorGroup[];
}

/** JUnit XML: one suite for each group. A warning is a case that passes, with its sentence as output. */
export function doctorJunit(findings: readonly DoctorFinding[], startedAt: number): string {
  const suites = doctorGroupNames().filter((name) => findings.some(({ group }) => group === name)).map((name) =>
    suite(name, findings.filter(({ group }) => group === name), startedAt)
  );
  const { skipped: _, ...totals } = attributes(findings);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    junitElement("testsuites", { name: "trousseau doctor", ...totals }, suites),
    "",
  ].join("\n");
}

function suite(group: DoctorGroup, findings: readonly DoctorFinding[], startedAt: number): string {
  const timestamp = new Date(startedAt).toISOString().slice(0, 19);
  return junitElement(
    "testsuite",
    { name: doctorGroups[group], ...attributes(findings), timestamp },
    findings.map(testCase),
  );
}

function testCase({ id, group, severity, sentence, cure }: DoctorFinding): string {
  const message = cure === "" ? sentence : `${sentence} → ${cure}`;
  return junitElement(
    "testcase",
    { name: sentence, classname: `doctor.${group}.${id}` },
    {
      ok: [],
      skip: [junitElement("skipped", { message }, [])],
      warn: [junitElement("system-out", {}, [junitText(message)])],
      bad: [junitElement("failure", { type: severity, message }, [])],
    }[severity],
  );
}

function attributes(findings: readonly DoctorFinding[]) {
  const { bad, skip } = doctorCounts(findings);
  return { tests: `${findings.length}`, failures: `${bad}`, errors: "0", skipped: `${skip}` };
}

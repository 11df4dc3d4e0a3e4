/**
 * Findings as JUnit XML, in the form that Jenkins, GitLab and similar systems read.
 *
 * @module
 */
import type { Finding } from "../../conformance/run.ts";
import { junitElement } from "./junit_xml.ts";

/** A finding with its duration. */
export interface TimedFinding extends Finding {
  readonly seconds: number;
}

/** The subject of a report. */
export interface JunitSubject {
  /** Path of the socket. */
  readonly socket: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/**
 * The report, with one suite for each API and one case for each criterion. A criterion that could not be tested is
 * `skipped`.
 */
export function junitXml(findings: readonly TimedFinding[], subject: JunitSubject): string {
  const apis = [...new Set(findings.map(({ api }) => api))];
  const suites = apis.map((api) => suite(api, findings.filter((finding) => finding.api === api), subject));
  const { skipped: _, ...totals } = counts(findings);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    junitElement("testsuites", { name: "trousseau conformance", ...totals }, suites),
    "",
  ].join("\n");
}

function suite(api: string, findings: readonly TimedFinding[], { socket, startedAt }: JunitSubject): string {
  const timestamp = new Date(startedAt).toISOString().slice(0, 19);
  const properties = junitElement("properties", {}, [junitElement("property", { name: "socket", value: socket }, [])]);
  return junitElement("testsuite", { name: `KMS ${api}`, ...counts(findings), timestamp }, [
    properties,
    ...findings.map(testCase),
  ]);
}

function testCase({ criterion, api, weight, result, detail, seconds }: TimedFinding): string {
  const attributes = { name: criterion, classname: `kms.${api}.${weight}`, time: seconds.toFixed(3) };
  return junitElement(
    "testcase",
    attributes,
    {
      holds: [],
      fails: [junitElement("failure", { type: weight, message: detail }, [])],
      untried: [junitElement("skipped", { message: detail }, [])],
    }[result],
  );
}

function counts(findings: readonly TimedFinding[]) {
  const count = (result: Finding["result"]) => String(findings.filter((finding) => finding.result === result).length);
  return {
    tests: String(findings.length),
    failures: count("fails"),
    errors: "0",
    skipped: count("untried"),
    time: findings.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(3),
  };
}

/**
 * Findings as JUnit XML, in the form that Jenkins, GitLab and similar systems read.
 *
 * @module
 */
import type { Finding } from "../../conformance/run.ts";

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
    element("testsuites", { name: "trousseau conformance", ...totals }, suites),
    "",
  ].join("\n");
}

function suite(api: string, findings: readonly TimedFinding[], { socket, startedAt }: JunitSubject): string {
  const timestamp = new Date(startedAt).toISOString().slice(0, 19);
  const properties = element("properties", {}, [element("property", { name: "socket", value: socket }, [])]);
  return element("testsuite", { name: `KMS ${api}`, ...counts(findings), timestamp }, [
    properties,
    ...findings.map(testCase),
  ]);
}

function testCase({ criterion, api, weight, result, detail, seconds }: TimedFinding): string {
  const attributes = { name: criterion, classname: `kms.${api}.${weight}`, time: seconds.toFixed(3) };
  return element(
    "testcase",
    attributes,
    {
      holds: [],
      fails: [element("failure", { type: weight, message: detail }, [])],
      untried: [element("skipped", { message: detail }, [])],
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

function element(name: string, attributes: Readonly<Record<string, string>>, children: readonly string[]): string {
  const head = `<${name}${Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`).join("")}`;
  if (children.length === 0) return `${head}/>`;
  const body = children.flatMap((child) => child.split("\n")).map((text) => `  ${text}`);
  return [`${head}>`, ...body, `</${name}>`].join("\n");
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** An attribute's value. A character that XML 1.0 does not permit becomes U+FFFD, and a line break becomes a space. */
function escaped(text: string): string {
  return text.toWellFormed()
    .replace(/[\t\n\r]+/g, " ")
    .replace(/[\p{Cc}\ufffe\uffff]/gu, "\ufffd")
    .replace(/[&<>"]/g, (found) => entities[found] ?? found);
}

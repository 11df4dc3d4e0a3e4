/**
 * `trousseau conformance SOCKET`
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { type Finding, tryPlugin } from "../../conformance/run.ts";
import { UsageError } from "../command.ts";
import { commandLog } from "./command_log.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { junitXml, type TimedFinding } from "./junit.ts";
import { NewFile } from "./new_file.ts";
import { json, line, type Output } from "../terminal.ts";
import type { Terminal, TrousseauCall } from "./terminal.ts";
import { startProgress } from "../progress.ts";
import { socketPath } from "./socket_path.ts";
import { type Cell, table, type Tone, wantsColour } from "../table.ts";

/** Tests the plugin on a socket. */
export async function conformance(call: TrousseauCall): Promise<ExitStatus> {
  const { options, positionals: [written = ""], terminal } = call;
  const path = socketPath(written);
  const toStdout = options.junit === "-";
  if (toStdout && options.json) throw new UsageError("--json and --junit - would both write to stdout.", "conformance");
  // Created before the tests: minutes of work must not be lost because a file cannot be written.
  await using file = options.junit === undefined || toStdout
    ? undefined
    : await NewFile.make(options.junit, "use --junit - > FILE");
  const startedAt = systemClock.wall();
  const findings = await tried(path, call);
  const untimed = findings.map(({ seconds: _, ...finding }) => finding);
  if (options.junit !== undefined) {
    const xml = junitXml(findings, { socket: path, startedAt });
    if (file === undefined) terminal.stdout.write(xml);
    else await file.write(xml);
  }
  if (options.json) json(terminal.stdout, asJson(path, untimed));
  else show(untimed, toStdout ? terminal.stderr : terminal.stdout, terminal);
  return findings.some(({ result }) => result === "fails") ? exitCodes.unmet.status : exitCodes.ok.status;
}

function show(findings: readonly Finding[], output: Output, { environment }: Terminal): void {
  output.write(asTable(findings, wantsColour(output, environment)));
  line(output, `\n${sentence(findings)}`);
}

/** Runs the tests, with times. A criterion's duration ends when the next one begins. */
async function tried(path: string, call: TrousseauCall): Promise<readonly TimedFinding[]> {
  const { terminal } = call;
  const log = commandLog(call);
  using progress = startProgress(terminal, `Trying ${path}`);
  const starts: number[] = [];
  const findings = await tryPlugin(path, terminal.signal, (criterion) => {
    starts.push(systemClock.now());
    progress.update(`Trying: ${criterion}`);
    log.debug(`Trying: ${criterion}.`);
  });
  starts.push(systemClock.now());
  return findings.map((finding, index) => ({
    ...finding,
    seconds: Math.max(0, ((starts[index + 1] ?? 0) - (starts[index] ?? 0)) / 1000),
  }));
}

function asJson(socket: string, findings: readonly Finding[]): unknown {
  return { socket, ok: count(findings, "fails") === 0, ...counts(findings), criteria: findings };
}

function counts(findings: readonly Finding[]) {
  return { holds: count(findings, "holds"), fails: count(findings, "fails"), untried: count(findings, "untried") };
}

function count(findings: readonly Finding[], result: Finding["result"]): number {
  return findings.filter((finding) => finding.result === result).length;
}

function asTable(findings: readonly Finding[], colour: boolean): string {
  const rows = findings.map(({ api, weight, criterion, result, detail }): readonly Cell[] => [
    api,
    weight,
    { text: result, tone: tones[result] },
    criterion,
    detail,
  ]);
  return table(["API", "", "Result", "Criterion", "Detail"], rows, colour);
}

const tones = { holds: "good", fails: "bad", untried: "dim" } as const satisfies Record<Finding["result"], Tone>;

function sentence(findings: readonly Finding[]): string {
  const { holds, fails, untried } = counts(findings);
  const must = findings.filter(({ result, weight }) => result === "fails" && weight === "must").length;
  const broken = fails === 0
    ? ""
    : `, ${fails} ${fails === 1 ? "does" : "do"} not (${must} of them ${must === 1 ? "is" : "are"} a must)`;
  return `${holds} of ${holds + fails} hold${broken}; ${untried} could not be tried.`;
}

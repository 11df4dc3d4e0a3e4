/**
 * `trousseau conformance SOCKET`
 *
 * @module
 */
import { type Finding, tryPlugin } from "../conformance/run.ts";
import type { Call } from "./command.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { json, line } from "./output.ts";
import { startProgress } from "./progress.ts";
import { socketPath } from "./socket_path.ts";
import { type Cell, table, type Tone, wantsColour } from "./table.ts";

/** Tries the plugin on a socket. */
export async function conformance({ options, positionals: [written = ""], terminal }: Call): Promise<ExitStatus> {
  const path = socketPath(written);
  const findings = await tried(path, terminal);
  const status = findings.some(({ result }) => result === "fails") ? exitCodes.unmet.status : exitCodes.ok.status;
  if (options.json) json(terminal.stdout, asJson(path, findings));
  else {
    terminal.stdout.write(asTable(findings, wantsColour(terminal.stdout, terminal.environment)));
    line(terminal.stdout, `\n${sentence(findings)}`);
  }
  return status;
}

async function tried(path: string, terminal: Call["terminal"]): Promise<readonly Finding[]> {
  using progress = startProgress(terminal, `Trying ${path}`);
  return await tryPlugin(path, terminal.signal, (criterion) => progress.update(`Trying: ${criterion}`));
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

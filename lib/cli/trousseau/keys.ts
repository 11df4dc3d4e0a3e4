/**
 * `trousseau keys`
 *
 * @module
 */
import { rfc3339 } from "../../base/clock.ts";
import { makesRemarks } from "../../provider/registry.ts";
import { foreignState } from "../../services/kms/key_ring/foreign_state.ts";
import { wrapSetsOf } from "../../services/kms/key_ring/memory.ts";
import { orphanedSentence } from "../../services/kms/key_ring/wrap_sets.ts";
import { readRingState, type RingState } from "../../services/kms/key_ring/state.ts";
import type { Config } from "../../config/config.ts";
import { commandLog } from "./command_log.ts";
import { configured, subjectJson, subjectOf } from "./configured.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { isGivenUp, type KeyPlan, planKeyId, planSentence } from "./key_plan.ts";
import { json, line } from "../terminal.ts";
import { startProgress } from "../progress.ts";
import { decryptorsOf } from "../../app/decryptors.ts";
import { allRemarks } from "./remarks.ts";
import { nodeMemory, statusesOf } from "../../app/sealed_before.ts";
import { type Cell, painted, table, wantsColour } from "../table.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Maximum number of IDs of the history in the text output; `--json` has all of it. */
const shownIds = 20;

/** Prints the node's recorded keys, and the effect of the configuration on its key ID. */
export async function keys(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const { stdout, environment } = terminal;
  const config = await configured(call);
  const state = await readRingState(config.state);
  const foreign = foreignState(state, decryptorsOf(config), config.state);
  if (foreign !== undefined) throw foreign;
  const plan = planKeyId(config, state);
  const lost = orphanedSentence(wrapSetsOf(state), decryptorsOf(config));
  const unopenable = statusesOf(config, await nodeMemory(config)).filter(({ state }) => state === "refused")
    .map(({ provider, version }) => `${provider}@${version}`);
  const sentence = planSentence(
    plan,
    unopenable.length > 0 ? "refused" : isGivenUp(plan, decryptorsOf(config)) ? "given_up" : "opens",
  );
  if (options.json) {
    const warnings = await lookAt(config, state, call);
    const retired = config.retired.map(named);
    json(stdout, { ...subjectJson(config), ...asJson(state, plan, sentence), retired, lost, unopenable, warnings });
  } else {
    const colour = wantsColour(stdout, environment);
    line(stdout, subjectOf(config));
    stdout.write(versionTable(plan, state, config, colour));
    if (state !== undefined && state.history.length > 0) stdout.write(`\n${historyTable(state, colour)}`);
    line(stdout, `\n${sentence}`);
    if (lost !== "") line(stdout, lost);
    if (unopenable.length > 0) {
      line(stdout, `Did not open when tested last: ${unopenable.join(", ")}. Run \`trousseau check\` to test again.`);
    }
    const label = painted({ text: "warning:", tone: "warn" }, colour);
    for (const { provider, message } of await lookAt(config, state, call)) {
      line(stdout, `${label} ${provider}: ${message}`);
    }
  }
  return plan.verdict === "returns" || lost !== "" ? exitCodes.config.status : exitCodes.ok.status;
}

async function lookAt(config: Config, state: RingState | undefined, call: TrousseauCall) {
  const { terminal } = call;
  const all = [...config.providers, ...config.retired].filter(({ settings }) => makesRemarks(settings.kind));
  using _progress = startProgress(terminal, `Asking ${all.map(({ name }) => name).join(", ")}`);
  return await allRemarks(all, state, config, { signal: terminal.signal, notify: commandLog(call).notify });
}

function named({ name, settings: { kind } }: Config["retired"][number]) {
  return { name, kind };
}

function asJson(state: RingState | undefined, plan: KeyPlan, message: string) {
  return {
    keyId: plan.announced?.id ?? null,
    provisional: plan.announced?.provisional ?? false,
    providers: plan.members,
    history: (state?.history ?? []).map((one) => ({ ...one, at: rfc3339(one.at) ?? null })),
    plan: {
      verdict: plan.verdict,
      next: plan.next ?? null,
      freshEpoch: plan.freshEpoch,
      message,
    },
  };
}

/** The versions of configured providers, of retired ones, then of those that are only in the node's state. */
function versionTable(
  { members, announced }: KeyPlan,
  state: RingState | undefined,
  { retired }: Config,
  colour: boolean,
): string {
  const configured = [...members, ...retired].map(({ name }) => name);
  const unconfigured = (state?.providers ?? []).filter(({ name }) => !configured.includes(name));
  const rows: (readonly Cell[])[] = [
    ...members.map(({ name, kind, version }) => {
      const isAnnounced = announced?.members.some((m) => m.name === name && m.kind === kind && m.version === version);
      return [name, kind, version, isAnnounced ? "in the announced key ID" : "not in the announced key ID"];
    }),
    ...retired.map(({ name, settings: { kind } }) => [name, kind, "", "retired"]),
    ...unconfigured.map(({ name, kind, state: { version } }) => [name, kind, version, "not in the configuration"]),
  ];
  return table(["Provider", "Kind", "Version", ""], rows, colour);
}

function historyTable({ history }: RingState, colour: boolean): string {
  const newestFirst = history.toReversed().slice(0, shownIds);
  const rows = newestFirst.map(({ id, at, keyEpoch, provisional, members }, index): readonly Cell[] => [
    id,
    rfc3339(at) ?? "?",
    String(keyEpoch),
    index === 0 ? { text: provisional ? "announced, provisional" : "announced", tone: "good" } : "",
    members.map(({ name, version }) => `${name}=${version}`).join(" "),
  ]);
  const more = history.length - newestFirst.length;
  const rest = more > 0 ? `and ${more} older ones, which --json has\n` : "";
  return table(["Key ID", "Since", "Epoch", "", "Versions"], rows, colour) + rest;
}

/**
 * The command `health`: each part of the server with its reason.
 *
 * @module
 */
import { deadlineBy } from "../../../base/clock.ts";
import type { HealthAnswer } from "../../../api/keyring/system_schemas.ts";
import { exitCodes, type ExitStatus, worst } from "../../exit_codes.ts";
import { KeyringClient } from "../connection/client.ts";
import { isTemporary } from "../connection/temporary.ts";
import { knownTextAt, listOf, objectAt, optional, textAt } from "../connection/shape.ts";
import { chosenServer } from "../contexts/chosen_server.ts";
import type { ClectlCall } from "../options.ts";
import { printRows } from "../output/print.ts";
import { visible } from "../output/visible.ts";
import { requestTimeout } from "../session.ts";
import { durationMs } from "../times.ts";

/** Milliseconds between two attempts of `--wait`, and for one of them. */
const attempts = { everyMs: 200, timeoutMs: 5_000 } as const;

/**
 * `health`: ends with 0 if all parts are ok or degraded, and with 69 if one has failed; with `--strict` a degraded part
 * ends with 1.
 */
export async function health(call: ClectlCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const wait = options.wait === undefined ? 0 : durationMs(options.wait, "--wait");
  const timeoutMs = Math.min(requestTimeout(call), attempts.timeoutMs);
  // Without a renewal of the certificate: health is asked when the server may be unable to renew.
  const { server } = await chosenServer(options.context, terminal.environment);
  using limit = deadlineBy(terminal.clock, wait, terminal.signal);
  using client = new KeyringClient(server, terminal.signal, timeoutMs);
  const found = await firstWell(client, call, limit.signal);
  if (!options.quiet) {
    const rows = found.parts.map(({ name, state, reason }) => [visible(name), state, visible(reason ?? "")]);
    await printRows(call, found, ["part", "state", "reason"], rows);
  }
  return statusOf(found, options.strict === true);
}

/** Asks until no part has failed, or the time is over. */
async function firstWell(client: KeyringClient, { terminal, options }: ClectlCall, over: AbortSignal) {
  for (;;) {
    let found: HealthAnswer | undefined;
    try {
      found = await client.json({ method: "GET", path: "health", failedStatus: 503 }, healthOf);
    } catch (thrown) {
      if (over.aborted || options.wait === undefined || !isTemporary(thrown)) throw thrown;
    }
    const done = found !== undefined && found.state !== "failed";
    if (found !== undefined && (done || over.aborted || options.wait === undefined)) return found;
    await terminal.clock.sleep(attempts.everyMs, over);
  }
}

function statusOf({ parts }: HealthAnswer, strict: boolean): ExitStatus {
  const { ok, unmet, unavailable } = exitCodes;
  const byState = { ok, degraded: strict ? unmet : ok, failed: unavailable } as const;
  return worst(parts.map(({ state }) => byState[state].status));
}

/** @throws {KmsError} `provider_protocol` */
export function healthOf(value: unknown, place: string): HealthAnswer {
  const one = objectAt(value, place);
  const parts = listOf((part, at) => {
    const row = objectAt(part, at);
    const reason = optional(textAt, row["reason"], `${at}.reason`);
    const state = stateOf(row["state"], `${at}.state`);
    return { name: textAt(row["name"], `${at}.name`), state, ...(reason === undefined ? {} : { reason }) };
  })(one["parts"], "parts");
  return { state: stateOf(one["state"], "state"), parts: [...parts] };
}

const healthStates = ["ok", "degraded", "failed"] as const;

function stateOf(value: unknown, place: string): HealthAnswer["state"] {
  return knownTextAt(healthStates, value, place);
}

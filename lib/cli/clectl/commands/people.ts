/**
 * The commands about people and machines: `enrol`, `identity`, `token`, `whoami` and `can`.
 *
 * @module
 */
import { verbNames } from "../../../api/keyring/verbs.ts";
import { didYouMean } from "../../../base/nearest.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import * as answers from "../api/identity_answers.ts";
import { commaList, idAt } from "../arguments.ts";
import type { ClectlCall } from "../options.ts";
import { printedDocument, printRows, printSentence } from "../output/print.ts";
import { visible } from "../output/visible.ts";
import { withClient } from "../session.ts";
import { durationMs } from "../times.ts";

const { ok, unmet } = exitCodes;

/** Limits of a token's lifetime. */
const tokenSeconds = { min: 60, max: 7_776_000 } as const;

/** `enrol NAME --roles …`: prints a code that the person exchanges with `login`. */
export async function enrol(call: ClectlCall): Promise<ExitStatus> {
  const { options, positionals: [name = ""], terminal } = call;
  const roles = options.roles === undefined ? [] : commaList(options.roles, "--roles");
  const body = JSON.stringify({ name, roles });
  return await withClient(call, async (client) => {
    const made = await client.json({ method: "POST", path: "enrolments", body }, answers.enrolmentOf);
    if (await printedDocument(call, made)) return ok.status;
    line(terminal.stdout, visible(made.code));
    line(
      terminal.stderr,
      `${call.program.name}: The code of ${visible(name)} can be used once until ${
        visible(made.expiresAt)
      }. Hand it over ` +
        "on another way than the address and the fingerprint.",
    );
    return ok.status;
  });
}

/** `identity list`. */
export async function listIdentities(call: ClectlCall): Promise<ExitStatus> {
  return await withClient(call, async (client) => {
    const { identities } = await client.json({ method: "GET", path: "identities" }, answers.identitiesOf);
    const rows = identities.map(({ id, name, roles, state, endsAt }) =>
      [id, name, roles.join(" "), state, endsAt ?? ""].map(visible)
    );
    await printRows(call, identities, ["id", "name", "roles", "state", "ends"], rows);
    return ok.status;
  });
}

/** `identity revoke ID`. */
export async function revokeIdentity(call: ClectlCall): Promise<ExitStatus> {
  return await revoke(call, "identities");
}

/** `token create NAME --role R --ttl D`: prints the token once. */
export async function createToken(call: ClectlCall): Promise<ExitStatus> {
  const { options, positionals: [name = ""], terminal } = call;
  const { role, ttl } = options;
  if (role === undefined) throw new UsageError("The role is missing: --role ROLE.", "token create");
  if (ttl === undefined) throw new UsageError("The lifetime is missing: --ttl 30d, at most 90d.", "token create");
  const seconds = Math.ceil(durationMs(ttl, "--ttl") / 1000);
  if (seconds < tokenSeconds.min || seconds > tokenSeconds.max) throw new UsageError("--ttl takes 1m to 90d.");
  const body = JSON.stringify({ role, ttl: seconds, name });
  return await withClient(call, async (client) => {
    const made = await client.json({ method: "POST", path: "tokens", body }, answers.tokenOf);
    if (await printedDocument(call, made)) return ok.status;
    line(terminal.stdout, visible(made.token));
    line(
      terminal.stderr,
      `${call.program.name}: This token is shown once. Its ID is ${visible(made.id)}; it ends at ${
        visible(made.expiresAt)
      }.`,
    );
    return ok.status;
  });
}

/** `token list`. */
export async function listTokens(call: ClectlCall): Promise<ExitStatus> {
  return await withClient(call, async (client) => {
    const { tokens } = await client.json({ method: "GET", path: "tokens" }, answers.tokensOf);
    const rows = tokens.map(({ id, identity, role, state, expiresAt }) =>
      [id, identity, role, state, expiresAt].map(visible)
    );
    await printRows(call, tokens, ["id", "identity", "role", "state", "expires"], rows);
    return ok.status;
  });
}

/** `token revoke ID`. */
export async function revokeToken(call: ClectlCall): Promise<ExitStatus> {
  return await revoke(call, "tokens");
}

async function revoke(call: ClectlCall, route: "identities" | "tokens"): Promise<ExitStatus> {
  const id = idAt(call);
  return await withClient(call, async (client) => {
    await client.json({ method: "DELETE", path: `${route}/${id}` }, () => undefined);
    await printSentence(call, { id, revoked: true }, `${id}: revoked`);
    return ok.status;
  });
}

/** `whoami`. */
export async function whoami(call: ClectlCall): Promise<ExitStatus> {
  return await withClient(call, async (client) => {
    const found = await client.json({ method: "GET", path: "whoami" }, answers.whoamiOf);
    const { kind, name, roles, expiresAt } = found;
    const rows = [[name, kind, roles.join(" "), expiresAt ?? ""].map(visible)];
    await printRows(call, found, ["name", "kind", "roles", "expires"], rows);
    return ok.status;
  });
}

/** `can VERB PATH`: ends with 0 or 1. */
export async function can(call: ClectlCall): Promise<ExitStatus> {
  const { positionals: [verb = "", path = ""] } = call;
  if (!verbNames.some((known) => known === verb)) {
    throw new UsageError(`VERB is one of ${verbNames.join(", ")}.${didYouMean(verb, verbNames)}`, "can");
  }
  return await withClient(call, async (client) => {
    // The whole store is `/` in the policy, and the empty path in the API.
    const query = { verb, path: path === "/" ? "" : path };
    const { allowed } = await client.json({ method: "GET", path: "can", query }, answers.canOf);
    await printSentence(call, { verb, path, allowed }, allowed ? "yes" : "no");
    return allowed ? ok.status : unmet.status;
  });
}

/**
 * Answers in the form of Vault's HTTP API.
 *
 * @module
 */
import { type KeyringError, type ProblemCode, problems } from "../../../../api/keyring/problems.ts";
import { type ApiAnswer, jsonAnswer, jsonTextAnswer } from "../exchange.ts";
import { problemHeaders } from "../problem_answer.ts";

/** The answer with `data` that is JSON text already. */
export function vaultText(requestId: string, data: string, status = 200): ApiAnswer {
  const rest = { lease_id: "", renewable: false, lease_duration: 0, wrap_info: null, warnings: null, auth: null };
  return jsonTextAnswer(
    status,
    `{"request_id":${JSON.stringify(requestId)},"data":${data},${JSON.stringify(rest).slice(1)}`,
  );
}

/** The answer with `data`. */
export function vaultData(requestId: string, data: unknown): ApiAnswer {
  return vaultText(requestId, JSON.stringify(data));
}

/** A token as Vault answers a login. */
export interface VaultLogin {
  readonly token: string;
  readonly role: string;
  /** Seconds. */
  readonly leaseDuration: number;
  readonly renewable: boolean;
}

/** The answer to a login or a renewal. */
export function vaultAuth(requestId: string, { token, role, leaseDuration, renewable }: VaultLogin): ApiAnswer {
  return jsonAnswer(200, {
    request_id: requestId,
    lease_id: "",
    renewable: false,
    lease_duration: 0,
    data: null,
    wrap_info: null,
    warnings: null,
    auth: {
      client_token: token,
      accessor: "",
      policies: [role],
      token_policies: [role],
      metadata: { role },
      lease_duration: leaseDuration,
      renewable,
      entity_id: "",
      token_type: "service",
      orphan: true,
      mfa_requirement: null,
      num_uses: 0,
    },
  });
}

/** Codes whose status differs from that of the native routes. Vault's clients know no 401, 409, 410, 412, 415 or 422. */
const statuses: Partial<Record<ProblemCode, number>> = {
  unauthenticated: 403,
  deleted: 404,
  destroyed: 404,
  expired: 404,
  version_mismatch: 400,
  exists: 400,
  conflict: 400,
  claimed: 400,
  media_type: 400,
  idempotency_mismatch: 400,
};

/** The sentence of Vault's KV for a wrong `cas`; clients compare it. */
const casMismatch = "check-and-set parameter did not match the current version";

/** A failure as `{"errors": [...]}`: Vault's own sentence first where clients compare it, then ours. */
export function vaultProblem(error: KeyringError): ApiAnswer {
  const { code } = error;
  return jsonAnswer(statuses[code] ?? problems[code].status, { errors: sentences(error) }, problemHeaders(error));
}

function sentences({ code, message }: KeyringError): readonly string[] {
  switch (code) {
    case "version_mismatch":
      return [casMismatch, message];
    case "unauthenticated":
    case "forbidden":
      return ["permission denied", message];
    // Clients take a 404 without sentences for a secret that does not exist.
    case "not_found":
    case "deleted":
    case "destroyed":
    case "expired":
      return [];
    default:
      return [message];
  }
}

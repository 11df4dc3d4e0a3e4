/**
 * The work of Vault's routes for logins and the own token.
 *
 * @module
 */
import type * as z from "zod/mini";
import { KeyringError } from "../../../../api/keyring/problems.ts";
import type { Identity } from "../../policy/identity.ts";
import { requireTokenId } from "../identity_handlers.ts";
import { certificateToken, vaultTokenOf } from "../credentials.ts";
import type { OperationCall, OperationResult } from "../operation.ts";
import { shownAt } from "../secret_json.ts";
import { vaultAuth, vaultData } from "./answers.ts";
import type { certificateLogin, jwtLogin } from "./vault_schemas.ts";

type LoginCall = OperationCall<undefined, unknown, z.output<typeof jwtLogin>>;

/** `POST auth/kubernetes/login` and `POST auth/jwt/login`, by the only cluster or issuer that is configured. */
export function vaultLogin(method: "kubernetes" | "oidc"): (call: LoginCall) => Promise<OperationResult> {
  return async ({ parts, body: { role, jwt }, signal, requestId }) => {
    const { token, expiresAt } = await parts.tokens.login({ method, role, jwt }, signal);
    const leaseDuration = secondsUntil(expiresAt, parts.clock.wall());
    return {
      answer: vaultAuth(requestId, { token, role, leaseDuration, renewable: true }),
      audited: [{ note: `${method}, role ${role}` }],
    };
  };
}

/**
 * `POST auth/cert/login`. The token is no secret: it says that the certificate of the connection counts, with one role.
 * Each later request needs the certificate as well.
 */
export function vaultCertificateLogin(
  call: OperationCall<undefined, unknown, z.output<typeof certificateLogin>>,
): Promise<OperationResult> {
  const { identity, body, requestId, parts } = call;
  const role = body?.role ?? body?.name ?? onlyRole(identity);
  if (identity.kind !== "person" || !identity.roles.includes(role)) {
    throw new KeyringError("forbidden", `Cannot log in: ${identity.name} has no client certificate or not this role.`);
  }
  const leaseDuration = secondsUntil(identity.expiresAt ?? 0, parts.clock.wall());
  return Promise.resolve({
    answer: vaultAuth(requestId, { token: certificateToken(role), role, leaseDuration, renewable: false }),
    audited: [{ note: `certificate, role ${role}` }],
  });
}

/** The role of a login that names none. @throws {KeyringError} `request_invalid` */
function onlyRole({ kind, roles }: Identity): string {
  const [role, ...others] = roles;
  if (kind === "person" && role !== undefined && others.length === 0) return role;
  throw new KeyringError("request_invalid", "The body is refused: role is missing; name a role of the policy.");
}

/** `GET auth/token/lookup-self` */
export function vaultLookupSelf(call: OperationCall): Promise<OperationResult> {
  const { identity, parts, request, requestId } = call;
  const { name, kind, roles, expiresAt } = identity;
  const data = {
    accessor: "",
    creation_time: 0,
    creation_ttl: 0,
    display_name: name,
    entity_id: "",
    expire_time: expiresAt === undefined ? null : shownAt(expiresAt),
    explicit_max_ttl: 0,
    // `vault login` stores what it reads here.
    id: vaultTokenOf(request) ?? "",
    meta: null,
    num_uses: 0,
    orphan: true,
    path: `auth/${kind}/login`,
    policies: roles,
    renewable: isRenewable(identity),
    ttl: expiresAt === undefined ? 0 : secondsUntil(expiresAt, parts.clock.wall()),
    type: "service",
  };
  return Promise.resolve({ answer: vaultData(requestId, data), audited: [{}] });
}

/** `POST auth/token/renew-self` */
export async function vaultRenewSelf(call: OperationCall): Promise<OperationResult> {
  const { identity, parts, request, signal, requestId } = call;
  const { expiresAt } = await parts.tokens.renew(identity, signal);
  const leaseDuration = secondsUntil(expiresAt, parts.clock.wall());
  const [role = ""] = identity.roles;
  const login = { token: vaultTokenOf(request) ?? "", role, leaseDuration, renewable: true };
  return { answer: vaultAuth(requestId, login), audited: [{}] };
}

/** `POST auth/token/revoke-self` */
export async function vaultRevokeSelf(call: OperationCall): Promise<OperationResult> {
  const { identity, parts, signal } = call;
  // A token of a certificate is no row: it ends with the certificate.
  if (identity.kind !== "person") await parts.tokens.revoke(requireTokenId(identity), identity, signal);
  return { answer: { status: 204 }, audited: [{}] };
}

function isRenewable({ kind, tokenId }: Identity): boolean {
  return tokenId !== undefined && (kind === "kubernetes" || kind === "oidc");
}

function secondsUntil(end: number, now: number): number {
  return Math.max(0, Math.floor((end - now) / 1_000));
}

/**
 * The work of the routes for identities, tokens and the policy.
 *
 * @module
 */
import { folderPath, secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { identityRoutes } from "../../../api/keyring/identity_routes.ts";
import { fromBase64 } from "../../../base/bytes.ts";
import type { SignedCertificate } from "../identity/certificate_authority.ts";
import { allows, mayList } from "../policy/rights.ts";
import { jsonAnswer } from "./exchange.ts";
import type { NativeHandlers } from "./native_handlers.ts";
import type { OperationResult } from "./operation.ts";
import type { KeyringParts } from "./parts.ts";
import { etagOf } from "./secret_handlers.ts";
import { shownAt } from "./secret_json.ts";

/** The handlers by the ID of the route. */
export const identityHandlers: NativeHandlers<keyof typeof identityRoutes> = {
  async createEnrolment({ parts, body, identity, signal }) {
    const { code, expiresAt, id } = await parts.enrolments.create(body, identity, signal);
    return {
      answer: jsonAnswer(201, { id, code, expiresAt: shownAt(expiresAt) }),
      audited: [{ note: `${body.name}, enrolment ${id}` }],
    };
  },

  async enrol({ parts, body, signal }) {
    const request = { code: body.code, publicKey: publicKeyFrom(body.publicKey) };
    // First: a failure after the redemption would lose the code.
    const known = await authoritiesOf(parts, signal);
    return issued(await parts.enrolments.redeem(request, signal), known);
  },

  async renewCertificate({ parts, body, identity, signal }) {
    const known = await authoritiesOf(parts, signal);
    return issued(await parts.enrolments.renew(identity, publicKeyFrom(body.publicKey), signal), known);
  },

  async listIdentities({ parts, identity, signal }) {
    const found = await parts.enrolments.list(identity, signal);
    const identities = found.map(({ createdAt, enrolledAt, endsAt, certificateUntil, ...rest }) => ({
      ...rest,
      createdAt: shownAt(createdAt),
      ...(enrolledAt === undefined ? {} : { enrolledAt: shownAt(enrolledAt) }),
      ...(endsAt === undefined ? {} : { endsAt: shownAt(endsAt) }),
      ...(certificateUntil === undefined ? {} : { certificateUntil: shownAt(certificateUntil) }),
    }));
    return { answer: jsonAnswer(200, { identities }), audited: [{}] };
  },

  async revokeIdentity({ parts, path: id, identity, signal }) {
    await parts.enrolments.revoke(id, identity, signal);
    return { answer: { status: 204 }, audited: [{ note: `enrolment ${id}` }] };
  },

  async login({ parts, body, signal }) {
    const { method, issuer, role, jwt } = body;
    const request = { method, role, jwt, ...(issuer === undefined ? {} : { issuer }) };
    const known = await authoritiesOf(parts, signal);
    const { token, expiresAt, renewableUntil } = await parts.tokens.login(request, signal);
    const until = renewableUntil === undefined ? {} : { renewableUntil: shownAt(renewableUntil) };
    return {
      answer: jsonAnswer(201, { token, expiresAt: shownAt(expiresAt), ...until, ...known }),
      audited: [{ note: `${method}, role ${role}` }],
    };
  },

  async renewToken({ parts, identity, signal }) {
    const known = await authoritiesOf(parts, signal);
    const { expiresAt, renewableUntil } = await parts.tokens.renew(identity, signal);
    const until = renewableUntil === undefined ? {} : { renewableUntil: shownAt(renewableUntil) };
    return { answer: jsonAnswer(200, { expiresAt: shownAt(expiresAt), ...until, ...known }), audited: [{}] };
  },

  async logout({ parts, identity, signal }) {
    await parts.tokens.revoke(requireTokenId(identity), identity, signal);
    return { answer: { status: 204 }, audited: [{}] };
  },

  async createToken({ parts, body, identity, signal }) {
    const request = { role: body.role, name: body.name, ttlMs: body.ttl * 1_000 };
    const { token, id, expiresAt } = await parts.tokens.create(request, identity, signal);
    return {
      answer: jsonAnswer(201, { token, id, expiresAt: shownAt(expiresAt) }),
      audited: [{ note: `${body.name}, role ${body.role}, token ${id}` }],
    };
  },

  async listTokens({ parts, identity, signal }) {
    const tokens = (await parts.tokens.list(identity, signal)).map(({ createdAt, expiresAt, ...rest }) => ({
      ...rest,
      createdAt: shownAt(createdAt),
      expiresAt: shownAt(expiresAt),
    }));
    return { answer: jsonAnswer(200, { tokens }), audited: [{}] };
  },

  async revokeToken({ parts, path: id, identity, signal }) {
    await parts.tokens.revoke(id, identity, signal);
    return { answer: { status: 204 }, audited: [{ note: `token ${id}` }] };
  },

  whoami({ identity: { kind, name, id, roles, expiresAt } }) {
    const end = expiresAt === undefined ? {} : { expiresAt: shownAt(expiresAt) };
    return Promise.resolve({ answer: jsonAnswer(200, { kind, name, id, roles, ...end }), audited: [{}] });
  },

  can({ identity, policy, query: { verb, path: text } }) {
    const path = text === "" || text.endsWith("/") ? folderPath(text) : secretPath(text);
    const folder = text === "" || text.endsWith("/") ? folderPath(text) : undefined;
    const allowed = allows(policy, identity, verb, path) ||
      (verb === "list" && folder !== undefined && mayList(policy, identity, folder));
    return Promise.resolve({ answer: jsonAnswer(200, { allowed }), audited: [{ path, note: verb }] });
  },

  async getPolicy({ parts, signal }) {
    const { text, version } = await parts.policies.text(signal) ?? { text: "", version: 0 };
    return { answer: jsonAnswer(200, { text, version }, { etag: etagOf(version) }), audited: [{ version }] };
  },

  async setPolicy({ parts, body, identity, write, signal }) {
    const { version } = await parts.policies.set(body.text, identity, signal, write.cas);
    return { answer: jsonAnswer(200, { version }, { etag: etagOf(version) }), audited: [{ version }] };
  },
};

/** The ID of the request's token. @throws {KeyringError} `request_invalid` */
export function requireTokenId({ tokenId, name }: { readonly tokenId?: string; readonly name: string }): string {
  if (tokenId !== undefined) return tokenId;
  throw new KeyringError("request_invalid", `Cannot revoke: the request of ${name} has no bearer token.`);
}

function publicKeyFrom(text: string): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes !== undefined) return bytes;
  throw new KeyringError("request_invalid", "The body is refused: publicKey is not the canonical base64 of its bytes.");
}

/** The field `ca` of an answer. */
async function authoritiesOf(
  parts: Pick<KeyringParts, "authorities">,
  signal: AbortSignal,
): Promise<{ readonly ca?: string }> {
  const ca = await parts.authorities(signal);
  return ca === undefined ? {} : { ca };
}

function issued({ certificate, notAfter }: SignedCertificate, known: { readonly ca?: string }): OperationResult {
  return { answer: jsonAnswer(201, { certificate, ...known, notAfter: shownAt(notAfter) }), audited: [{}] };
}

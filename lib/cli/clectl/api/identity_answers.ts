/**
 * Answers of the routes for identities, tokens, the policy and the audit, checked member by member.
 *
 * @module
 */
import type {
  CanAnswer,
  EnrolmentAnswer,
  IdentitiesAnswer,
  PolicyAnswer,
  PolicySetAnswer,
  TokenAnswer,
  TokensAnswer,
  WhoamiAnswer,
} from "../../../api/keyring/identity_schemas.ts";
import type { AuditHeadAnswer, AuditKeyAnswer } from "../../../api/keyring/system_schemas.ts";
import {
  countAt,
  flagAt,
  type JsonObject,
  knownTextAt,
  listOf,
  objectAt,
  optional,
  textAt,
} from "../connection/shape.ts";

/** @throws {KmsError} `provider_protocol`, as all readers of this file. */
export function enrolmentOf(value: unknown, place: string): EnrolmentAnswer {
  const one = objectAt(value, place);
  return {
    id: textAt(one["id"], "id"),
    code: textAt(one["code"], "code"),
    expiresAt: textAt(one["expiresAt"], "expiresAt"),
  };
}

const enrolmentStates = ["pending", "active", "ended", "revoked"] as const;

export function identitiesOf(value: unknown, place: string): IdentitiesAnswer {
  const identities = listOf((row, at) => {
    const one = objectAt(row, at);
    const [enrolledAt, endsAt, certificateUntil] = ["enrolledAt", "endsAt", "certificateUntil"].map((name) =>
      optional(textAt, one[name], `${at}.${name}`)
    );
    return {
      ...namedRow(one, at),
      state: knownTextAt(enrolmentStates, one["state"], `${at}.state`),
      createdAt: textAt(one["createdAt"], `${at}.createdAt`),
      createdBy: textAt(one["createdBy"], `${at}.createdBy`),
      ...(enrolledAt === undefined ? {} : { enrolledAt }),
      ...(endsAt === undefined ? {} : { endsAt }),
      ...(certificateUntil === undefined ? {} : { certificateUntil }),
    };
  })(objectAt(value, place)["identities"], "identities");
  return { identities: [...identities] };
}

function namedRow(one: JsonObject, at: string) {
  return {
    id: textAt(one["id"], `${at}.id`),
    name: textAt(one["name"], `${at}.name`),
    roles: [...listOf(textAt)(one["roles"], `${at}.roles`)],
  };
}

export function tokenOf(value: unknown, place: string): TokenAnswer {
  const one = objectAt(value, place);
  return {
    token: textAt(one["token"], "token"),
    id: textAt(one["id"], "id"),
    expiresAt: textAt(one["expiresAt"], "expiresAt"),
  };
}

const tokenStates = ["active", "expired", "revoked"] as const;

export function tokensOf(value: unknown, place: string): TokensAnswer {
  const tokens = listOf((row, at) => {
    const one = objectAt(row, at);
    return {
      id: textAt(one["id"], `${at}.id`),
      identity: textAt(one["identity"], `${at}.identity`),
      role: textAt(one["role"], `${at}.role`),
      createdAt: textAt(one["createdAt"], `${at}.createdAt`),
      createdBy: textAt(one["createdBy"], `${at}.createdBy`),
      expiresAt: textAt(one["expiresAt"], `${at}.expiresAt`),
      state: knownTextAt(tokenStates, one["state"], `${at}.state`),
    };
  })(objectAt(value, place)["tokens"], "tokens");
  return { tokens: [...tokens] };
}

const identityKinds = ["local-admin", "person", "socket", "kubernetes", "oidc", "token"] as const;

export function whoamiOf(value: unknown, place: string): WhoamiAnswer {
  const one = objectAt(value, place);
  const kind = knownTextAt(identityKinds, one["kind"], "kind");
  const expiresAt = optional(textAt, one["expiresAt"], "expiresAt");
  return { kind, ...namedRow(one, "the answer"), ...(expiresAt === undefined ? {} : { expiresAt }) };
}

export function canOf(value: unknown, place: string): CanAnswer {
  return { allowed: flagAt(objectAt(value, place)["allowed"], "allowed") };
}

export function policyOf(value: unknown, place: string): PolicyAnswer {
  const one = objectAt(value, place);
  return { text: textAt(one["text"], "text"), version: countAt(one["version"], "version") };
}

export function policySetOf(value: unknown, place: string): PolicySetAnswer {
  return { version: countAt(objectAt(value, place)["version"], "version") };
}

export function auditKeyOf(value: unknown, place: string): AuditKeyAnswer {
  const one = objectAt(value, place);
  return { serverId: textAt(one["serverId"], "serverId"), publicKey: textAt(one["publicKey"], "publicKey") };
}

export function auditHeadOf(value: unknown, place: string): AuditHeadAnswer {
  const one = objectAt(value, place);
  return { lines: countAt(one["lines"], "lines"), hash: textAt(one["hash"], "hash"), at: textAt(one["at"], "at") };
}

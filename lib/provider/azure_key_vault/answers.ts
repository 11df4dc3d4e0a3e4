/**
 * What Key Vault's errors mean, by HTTP status, `error.code` and `error.innererror.code`. Its texts are for people; they
 * are neither read nor repeated.
 *
 * @module
 */
import type { KmsError } from "../../errors.ts";
import type { HttpAnswer } from "../https/endpoint.ts";
import { field } from "../https/fields.ts";
import { busyOrDown, type Meaning, meaningIn, refusedBy, unknownMeaning } from "../https/refusals.ts";

const denied = { code: "permission_denied", why: "the login may not do this with this key" } as const;
const shutOut = { code: "permission_denied", why: "the vault's network rules do not let this machine in" } as const;

/** `error.innererror.code`, which says more than the code above it. */
const innerCodes = {
  KeyDisabled: { code: "key_unusable", why: "the key version is disabled" },
  KeyExpired: { code: "key_unusable", why: "the key version has expired" },
  KeyNotYetValid: { code: "key_unusable", why: "the key version is not valid yet" },
  KeyOperationForbidden: { code: "key_unusable", why: "the key's permitted operations lack wrapKey or unwrapKey" },
  AccessDenied: denied,
  ForbiddenByPolicy: denied,
  ForbiddenByRbac: denied,
  ForbiddenByConnection: shutOut,
  ForbiddenByFirewall: shutOut,
} as const satisfies Record<string, Meaning>;

/** `error.code`. */
const codes = {
  BadParameter: { code: "key_unusable", why: "this kind of key cannot wrap with that algorithm" },
  KeyNotFound: { code: "key_unknown", why: "there is no such key or version" },
  ObjectIsBeingDeleted: { code: "key_unknown", why: "the key is being deleted" },
  ObjectIsDeletedButRecoverable: { code: "key_unknown", why: "the key is deleted, and can be recovered" },
  Throttled: busyOrDown[429],
} as const satisfies Record<string, Meaning>;

/** Statuses, where no code told more. */
const statuses: Readonly<Record<number, Meaning | undefined>> = {
  ...busyOrDown,
  401: { code: "unauthenticated", why: "it does not take the token" },
  403: denied,
};

/** The error for an answer that is not the one asked for. */
export function refusal(answer: HttpAnswer, action: string): KmsError {
  return refusedBy("Key Vault", answer, meaning(answer), action);
}

/**
 * The same for unwrapKey, where a 400 `BadParameter` is what Key Vault says of bytes that the key did not wrap.
 */
export function unwrapRefusal(answer: HttpAnswer, action: string): KmsError {
  const bytes = answer.status === 400 && errorCode(answer.body) === "BadParameter";
  const why = "these bytes were not wrapped by this key version";
  return refusedBy("Key Vault", answer, bytes ? { code: "integrity", why } : meaning(answer), action);
}

/** Whether an answer leaves open what a 403 is for. */
export function unexplained(answer: HttpAnswer): boolean {
  return answer.status === 403 && innerCode(answer.body) === undefined;
}

function meaning({ status, body }: HttpAnswer): Meaning {
  const inner = innerCode(body);
  if (status === 403 && inner !== undefined) return innerCodes[inner];
  const named = status >= 400 ? meaningIn(codes, errorCode(body)) : undefined;
  return named ?? statuses[status] ?? unknownMeaning(status);
}

function errorCode(body: unknown): string | undefined {
  const code = field(field(body, "error"), "code");
  return typeof code === "string" ? code : undefined;
}

/** The first one known, from the outside in; the service spells the field in two ways. */
function innerCode(body: unknown): keyof typeof innerCodes | undefined {
  let at = field(body, "error");
  for (let depth = 0; depth < 4; depth++) {
    at = field(at, "innererror") ?? field(at, "innerError");
    const code = field(at, "code");
    if (typeof code === "string" && Object.hasOwn(innerCodes, code)) return code as keyof typeof innerCodes;
  }
  return undefined;
}

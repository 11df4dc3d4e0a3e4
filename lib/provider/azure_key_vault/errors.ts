/**
 * The meaning of Key Vault's errors, from the HTTP status, `error.code` and `error.innererror.code`. Its texts are
 * never repeated; three of them are read if a 403 has no specific code.
 *
 * @module
 */
import type { KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { busyOrDown, type Meaning, meaningIn, refusedBy, unknownMeaning } from "../../net/https/refusals.ts";

const disabled = { code: "key_unusable", why: "the key version is disabled" } as const;
const expired = { code: "key_unusable", why: "the key version has expired" } as const;
const notYetValid = { code: "key_unusable", why: "the key version is not valid yet" } as const;

/** Codes of a 403: of `error.innererror`, or of `error` itself if a proxy or an older service omits that. */
const forbidden = {
  KeyDisabled: disabled,
  KeyExpired: expired,
  KeyNotYetValid: notYetValid,
  KeyOperationForbidden: { code: "key_unusable", why: "the key's permitted operations lack wrapKey or unwrapKey" },
  AccessDenied: {
    code: "permission_denied",
    why: "the vault's access policy gives this login no get, wrapKey or unwrapKey of keys",
  },
  ForbiddenByRbac: {
    code: "permission_denied",
    why:
      "no role gives this login this action, as Key Vault Crypto Service Encryption User does; a new one takes minutes",
  },
  ForbiddenByPolicy: {
    code: "permission_denied",
    why: "the vault's access policy gives this login no get, wrapKey or unwrapKey of keys",
  },
  ForbiddenByConnection: {
    code: "permission_denied",
    why: "the vault takes no requests from public networks; reach it by its private endpoint",
  },
  ForbiddenByFirewall: {
    code: "permission_denied",
    why: "the vault's firewall does not let this machine's address in",
  },
} as const satisfies Record<string, Meaning>;

/** Texts of a 403 without such a code, from the service and its emulators. */
const texts: readonly (readonly [text: RegExp, meaning: Meaning])[] = [
  [/^Operation \w{1,20} is not allowed on a disabled key\b/i, disabled],
  [/^Operation \w{1,20} is not allowed on an expired key\b/i, expired],
  [/^Operation \w{1,20} is not allowed on a key that is not yet valid\b/i, notYetValid],
];

/** Meanings of `error.code`. */
const codes = {
  BadParameter: { code: "key_unusable", why: "this kind of key cannot wrap with that algorithm" },
  KeyNotFound: { code: "key_unknown", why: "there is no such key or version" },
  ObjectIsBeingDeleted: { code: "key_unknown", why: "the key is being deleted" },
  ObjectIsDeletedButRecoverable: { code: "key_unknown", why: "the key is deleted, and can be recovered" },
  Throttled: busyOrDown[429],
} as const satisfies Record<string, Meaning>;

/** Meanings of statuses, if no code is more specific. */
const statuses: Readonly<Record<number, Meaning | undefined>> = {
  ...busyOrDown,
  401: { code: "unauthenticated", why: "it does not take the token" },
  403: { code: "permission_denied", why: "the login may not do this with this key" },
};

/** The error for an unsuccessful response. */
export function refusal(answer: HttpAnswer, action: string): KmsError {
  return refusedBy("Key Vault", answer, meaning(answer), action);
}

/** The same for unwrapKey, whose 400 `BadParameter` means that the key did not wrap these bytes. */
export function unwrapRefusal(answer: HttpAnswer, action: string): KmsError {
  const bytes = answer.status === 400 && errorCode(answer.body) === "BadParameter";
  const why = "these bytes were not wrapped by this key version";
  return refusedBy("Key Vault", answer, bytes ? { code: "integrity", why } : meaning(answer), action);
}

/** Whether a response is a 403 without a known reason. */
export function unexplained(answer: HttpAnswer): boolean {
  return answer.status === 403 && reasonOf(answer.body) === undefined;
}

/** Whether a 403 means that the key version itself cannot be used. */
export function isUnusable(answer: HttpAnswer): boolean {
  return answer.status === 403 && reasonOf(answer.body)?.code === "key_unusable";
}

function meaning({ status, body }: HttpAnswer): Meaning {
  const reason = status === 403 ? reasonOf(body) : undefined;
  const named = status >= 400 ? meaningIn(codes, errorCode(body)) : undefined;
  return reason ?? named ?? statuses[status] ?? unknownMeaning(status);
}

function errorCode(body: unknown): string | undefined {
  const code = field(field(body, "error"), "code");
  return typeof code === "string" ? code : undefined;
}

/** The innermost known code, which is the most specific one. The service has two spellings of the field. */
function reasonOf(body: unknown): Meaning | undefined {
  const error = field(body, "error");
  let found: Meaning | undefined;
  let at = error;
  for (let depth = 0; depth < 5; depth++) {
    found = meaningIn(forbidden, field(at, "code")) ?? found;
    at = field(at, "innererror") ?? field(at, "innerError");
  }
  if (found !== undefined) return found;
  const message = field(error, "message");
  return typeof message === "string" ? texts.find(([text]) => text.test(message))?.[1] : undefined;
}

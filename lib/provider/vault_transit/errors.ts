/**
 * The meaning of Vault's responses; its texts and statuses are known here only.
 *
 * Transit answers 400 for a missing key, a version too old and a bad ciphertext alike; only the text distinguishes
 * them. The texts are those of Vault 1.21 and OpenBao 2. No message of this program repeats them.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { field } from "../../net/https/fields.ts";
import type { Meaning } from "../../net/https/refusals.ts";
import { RefusedLogin } from "../../net/https/login_holds.ts";
import type { Redirect, RequestSummary, VaultAnswer } from "./http.ts";

/** The meaning of a text. If it concerns the namespace, the message names the configured one. */
interface VaultMeaning extends Meaning {
  readonly ofNamespace?: true;
}

const forged = { code: "integrity", why: "these bytes were not made by this key" } as const;
const misshapen = { code: "integrity", why: "these bytes are no transit ciphertext" } as const;
const wrongType = { code: "key_unusable", why: "a key of this type cannot encrypt and decrypt" } as const;

/** Exact texts, in the list `errors` of an answer or in one item of a batch. */
const texts: Readonly<Record<string, VaultMeaning | undefined>> = {
  "encryption key not found": { code: "key_unknown", why: "there is no such key" },
  "ciphertext or signature version is disallowed by policy (too old)": {
    code: "key_unusable",
    why: "the key's min_decryption_version forbids this version",
  },
  "requested version for encryption is less than the minimum encryption key version": {
    code: "key_unusable",
    why: "the key's min_encryption_version forbids this version",
  },
  "requested version for encryption is higher than the latest key version": {
    code: "key_unusable",
    why: "the key has no such version any more",
  },
  "no such key version": { code: "key_unusable", why: "the key has no such version any more" },
  "refusing to use soft-deleted key": { code: "key_unusable", why: "the key is soft-deleted" },
  "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key":
    { code: "key_unusable", why: "the key is a derived one" },
  "invalid ciphertext: version is too new": { code: "integrity", why: "the key never had this version" },
  "invalid ciphertext: no prefix": misshapen,
  "invalid ciphertext: wrong number of fields": misshapen,
  "invalid ciphertext: version number could not be decoded": misshapen,
  "invalid ciphertext: could not decode base64": misshapen,
  "invalid ciphertext length": misshapen,
  "missing ciphertext to decrypt": misshapen,
  "cipher: message authentication failed": forged,
  "chacha20poly1305: message authentication failed": forged,
  "failed to RSA decrypt the ciphertext: crypto/rsa: decryption error": forged,
  "invalid token": { code: "unauthenticated", why: "the token is not valid" },
  "bad token": { code: "unauthenticated", why: "the token is not valid" },
  "Vault is sealed": { code: "unreachable", why: "sealed" },
  "Vault is in standby mode": { code: "unreachable", why: "standby" },
  "local node not active but active cluster node not found": {
    code: "unreachable",
    why: "standby, and no active node is known",
  },
  // OpenBao only; its sys/health answers 200 nevertheless.
  "namespace is sealed": { code: "unreachable", why: "namespace sealed", ofNamespace: true },
  "namespace not found": { code: "key_unknown", why: "no such namespace", ofNamespace: true },
  ...Object.fromEntries(
    ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "hmac", "aes128-cmac", "aes256-cmac"].flatMap((type) => [
      [`message encryption not supported for key type ${type}`, wrongType],
      [`message decryption not supported for key type ${type}`, wrongType],
    ]),
  ),
};

/** Prefixes of texts that end in a name or an error from another component. */
const beginnings: readonly (readonly [string, VaultMeaning])[] = [
  // A text of an agent or proxy itself.
  ["failed to get the response: ", { code: "unreachable", why: "the agent cannot reach Vault; look at its log" }],
  ["error performing token check: failed to look up namespace from the token", {
    code: "unauthenticated",
    why: "it knows no such token; look for quotation marks around it, and whether it is of this Vault",
  }],
  // OpenBao adds the namespace that must be unlocked: this one or a parent.
  ["API access to this namespace has been locked by an administrator", {
    code: "permission_denied",
    why: "namespace locked",
    ofNamespace: true,
  }],
];

/** The meanings of statuses, if no text is more specific. */
const statuses: Readonly<Record<number, Meaning | undefined>> = {
  301: { code: "unreachable", why: "a redirect" },
  302: { code: "unreachable", why: "a redirect" },
  307: { code: "unreachable", why: "standby" },
  308: { code: "unreachable", why: "a redirect" },
  403: { code: "permission_denied", why: "the token's policies do not allow it" },
  404: { code: "key_unknown", why: "there is no such key or mount" },
  412: { code: "unreachable", why: "this node is behind" },
  429: { code: "throttled", why: "too many requests" },
  472: { code: "unreachable", why: "disaster recovery secondary" },
  473: { code: "unreachable", why: "performance standby" },
  474: { code: "unreachable", why: "standby that cannot reach the active node" },
  501: { code: "unreachable", why: "not initialized" },
  502: { code: "unreachable", why: "bad gateway" },
  503: { code: "unreachable", why: "out of service" },
  504: { code: "unreachable", why: "gateway timeout" },
  530: { code: "unreachable", why: "this node was removed from the cluster" },
};

/** The error for an unsuccessful response. */
export function refusal(answer: VaultAnswer, action: string): KmsError {
  const { code, why } = meaningOf(answer);
  const message = `Cannot ${action}: Vault answered ${answer.status} (${why}).`;
  return new KmsError(code, message, answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs });
}

/** The error for one item of a batch. An unknown text does not concern the other items. */
export function itemRefusal(status: number, text: string, action: string): KmsError {
  const { code, why } = meaning(status, [text]);
  return new KmsError(code, `Cannot ${action}: Vault answered ${status} (${why}).`);
}

/** Texts of refused logins that Vault does not count and that do not concern the credential. */
const loginTexts: Readonly<Record<string, { readonly why: string } | undefined>> = {
  "missing secret_id": { why: "the role wants a secret ID besides: set auth.secretId" },
};

/** Prefix of the refusal of a role that is bound to addresses; the rest of the text contains an address. */
const boundElsewhere = { beginning: 'source address "', word: "CIDR" } as const;

/** A login, with the known facts about its mount. */
export interface LoginPlace {
  /** The subject of the refusal, as in `it refuses the role ID or the secret ID at auth/approle/login`. */
  readonly hint: string;
  /** The path below `/v1/`, if the login depends on the mount of an auth method. */
  readonly path?: string;
  /** Whether Vault locks the account after several refused logins: a role of AppRole, a user of userpass. */
  readonly locks?: boolean;
  /** Whether a method of this kind is mounted at the path, if that was determined. */
  readonly mount?: "there" | "absent" | "unknown";
}

/**
 * The error for a failed login. If Vault refuses the name, the password or the mount, it is `unauthenticated`. A
 * response without a list of errors does not come from Vault, but from a proxy in front of it.
 */
export function vaultLoginRefusal(answer: VaultAnswer, action: string, place: LoginPlace): KmsError {
  const refused = answer.status >= 400 && answer.status < 500 && ![412, 429, 472, 473, 474].includes(answer.status);
  if (!refused || !Array.isArray(field(answer.body, "errors"))) return refusal(answer, action);
  const found = reasons(answer.body);
  if (knownText(found)?.ofNamespace === true) return refusal(answer, action);
  const { hint, path, locks = false, mount = "unknown" } = place;
  const sentence = (why: string) => `Cannot ${action}: Vault answered ${answer.status} (${why}).`;
  if (path !== undefined && (mount === "absent" || answer.status === 404)) {
    return new KmsError("unauthenticated", sentence(noSuchMount(path)));
  }
  const cause = loginCause(found);
  if (cause !== undefined || !locks) return new KmsError("unauthenticated", sentence(cause ?? hint));
  if (answer.status !== 403) return new RefusedLogin(sentence(hint), "vaultCounted");
  const locked = mount === "there" ? mayBeLocked : `${mayBeLocked}, or has no such auth mount`;
  return new RefusedLogin(sentence(`${hint}, ${locked}`), "vaultLocked");
}

/** Vault refuses a login of a locked account with the same text as one at a missing mount. */
const mayBeLocked = "or has locked it (sys/locked-users)";

function noSuchMount(path: string): string {
  return `no such auth mount: no method of this kind answers at ${path}; set auth.mount to a path of "vault auth list", ` +
    "without auth/";
}

function loginCause(found: readonly string[]): string | undefined {
  const { beginning, word } = boundElsewhere;
  if (found.some((text) => text.startsWith(beginning) && text.includes(word))) {
    return "the role or the secret ID is bound to other addresses than the one that Vault sees this node at";
  }
  return found.map((text) => Object.hasOwn(loginTexts, text) ? loginTexts[text]?.why : undefined).find((why) => why);
}

/**
 * Whether a response is Vault's bare "permission denied": for a path that is forbidden or missing, for a locked
 * account, and in OpenBao for a token that is no longer valid.
 */
export function deniesWithoutCause({ status, body }: VaultAnswer): boolean {
  return status === 403 && Array.isArray(field(body, "errors")) && knownText(reasons(body)) === undefined;
}

/** Whether Vault answers that the token is unknown or no longer valid. OpenBao has no such response. */
export function saysTokenIsDead({ status, body }: VaultAnswer): boolean {
  return status === 403 && knownText(reasons(body))?.code === "unauthenticated";
}

/** Whether another address should be tried: this one is down, sealed, a standby, behind the others, or redirects. */
export function passesOn(answer: VaultAnswer): boolean {
  if ([301, 302, 307, 308, 412, 472, 473, 474].includes(answer.status)) return true;
  // A failing item of a batch can set the status to 500; such a response comes from the engine and is the same at every
  // address.
  if (answer.status < 500 || field(answer.body, "data") !== undefined) return false;
  // A lock by an administrator applies at every address.
  return knownText(reasons(answer.body))?.code !== "permission_denied";
}

/** The meaning of a response, from its content and the request. */
function meaningOf(answer: VaultAnswer): Meaning {
  const { status, body, namespace } = answer;
  const found = reasons(body);
  const known = named(meaning(status, found), namespace);
  if (answer.redirect !== undefined) {
    return { code: known.code, why: `${known.why}; ${redirected(answer.redirect, status)}` };
  }
  if (knownText(found) !== undefined) return known;
  if ((status === 401 || status === 403) && !isVaults(answer)) return { code: "unreachable", why: proxys };
  if (status === 403 && answer.request !== undefined) return { code: known.code, why: denied(answer.request) };
  // A 404 of Vault itself contains a list of errors, which may be empty.
  if (status === 404 && !isVaults(answer)) return { code: "unreachable", why: notVault };
  return known;
}

/** Whether a refusal comes from Vault itself: it contains a list of errors, or the results of a batch. */
export function isVaults({ body }: VaultAnswer): boolean {
  return Array.isArray(field(body, "errors")) || field(body, "data") !== undefined;
}

const proxys = "not from Vault's API, but from something before it: look at the log of the proxy, and at address";
const notVault = "not from Vault's API, but from something before it: look at the path in address";

/** Vault gives the same answer for a missing policy and a missing mount. */
function denied({ method, path, hasToken }: RequestSummary): string {
  const right = `${method === "GET" ? "read" : "update"} on ${path}`;
  return hasToken
    ? `the token's policies do not allow ${right}: look at mount, key or policy`
    : `the agent adds no token, or its policies do not allow ${right}: look at mount, key or policy, and at auto_auth ` +
      "and api_proxy { use_auto_auth_token = true } of the agent";
}

/**
 * A standby of Vault answers 307; any other redirect comes from a proxy in front of it, for instance to a login page.
 */
function redirected({ origin, configured }: Redirect, status: number): string {
  if (configured) return `it redirects to ${origin}, which is among the addresses and did not serve either`;
  return status === 307
    ? `it redirects to ${origin}, which is not followed: write that into addresses`
    : `it redirects to ${origin}, which is not followed: look at what answers at the address, and write the target ` +
      "into addresses only if it is your Vault";
}

function meaning(status: number, found: readonly string[]): VaultMeaning {
  const known = knownText(found) ?? statuses[status];
  if (known !== undefined) return known;
  return status >= 500
    ? { code: "unreachable", why: "an error of its own" }
    : { code: "provider_protocol", why: "for a reason that Trousseau does not know" };
}

/** The meaning of the first text that is more specific than "permission denied". */
function knownText(found: readonly string[]): VaultMeaning | undefined {
  for (const text of found) {
    const known = Object.hasOwn(texts, text)
      ? texts[text]
      : beginnings.find(([beginning]) => text.startsWith(beginning))?.[1];
    if (known !== undefined) return known;
  }
  return undefined;
}

/** Adds the namespace from the configuration; the one in the response is not repeated. */
function named({ code, why, ofNamespace }: VaultMeaning, namespace: string | undefined): Meaning {
  return { code, why: ofNamespace === true && namespace !== undefined ? `${why}: "${namespace}"` : why };
}

/** The texts of Vault's list `errors`. One text can contain several reasons, as lines that begin with an asterisk. */
function reasons(body: unknown): string[] {
  const errors = field(body, "errors");
  if (!Array.isArray(errors)) return [];
  return errors.filter((one) => typeof one === "string").flatMap((text: string) =>
    /^\d+ errors? occurred:/.test(text)
      ? text.split("\n").filter((line) => line.startsWith("\t* ")).map((line) => line.slice(3).trim())
      : [text.trim()]
  );
}

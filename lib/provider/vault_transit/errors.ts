/**
 * What Vault's answers mean: the one place that knows its texts and statuses.
 *
 * Transit answers 400 for a missing key, a version too old and bad ciphertext alike, and only the text tells them apart.
 * The texts are those of Vault 1.21 and OpenBao 2; none of them is ever repeated in a message of ours.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { field } from "../../net/https/fields.ts";
import type { Meaning } from "../../net/https/refusals.ts";
import { RefusedLogin } from "../../net/https/login_holds.ts";
import type { Asked, Redirect, VaultAnswer } from "./http.ts";

/** What a text means; where it is about the namespace, the sentence names the one that was asked. */
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
  // OpenBao's; its sys/health answers 200 all the same.
  "namespace is sealed": { code: "unreachable", why: "namespace sealed", ofNamespace: true },
  "namespace not found": { code: "key_unknown", why: "no such namespace", ofNamespace: true },
  ...Object.fromEntries(
    ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "hmac", "aes128-cmac", "aes256-cmac"].flatMap((type) => [
      [`message encryption not supported for key type ${type}`, wrongType],
      [`message decryption not supported for key type ${type}`, wrongType],
    ]),
  ),
};

/** Beginnings of texts that end in a name or an error of elsewhere. */
const beginnings: readonly (readonly [string, VaultMeaning])[] = [
  // An agent's or proxy's own.
  ["failed to get the response: ", { code: "unreachable", why: "the agent cannot reach Vault; look at its log" }],
  ["error performing token check: failed to look up namespace from the token", {
    code: "unauthenticated",
    why: "it knows no such token; look for quotation marks around it, and whether it is of this Vault",
  }],
  // OpenBao adds which namespace it is that has to be unlocked: this one or one above it.
  ["API access to this namespace has been locked by an administrator", {
    code: "permission_denied",
    why: "namespace locked",
    ofNamespace: true,
  }],
];

/** Statuses, where no text told more. */
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

/** The error for an answer that is not the one asked for. */
export function refusal(answer: VaultAnswer, action: string): KmsError {
  const { code, why } = meaningOf(answer);
  const message = `Cannot ${action}: Vault answered ${answer.status} (${why}).`;
  return new KmsError(code, message, answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs });
}

/** The error for one item of a batch: an unknown text says nothing about the others. */
export function itemRefusal(status: number, text: string, action: string): KmsError {
  const { code, why } = meaning(status, [text]);
  return new KmsError(code, `Cannot ${action}: Vault answered ${status} (${why}).`);
}

/** Texts of refused logins that do not count and are not about the credential. */
const loginTexts: Readonly<Record<string, { readonly why: string } | undefined>> = {
  "missing secret_id": { why: "the role wants a secret ID besides: set auth.secretId" },
};

/** The beginning of a refusal of a role that is bound to addresses; the rest of the text repeats one. */
const boundElsewhere = { beginning: 'source address "', word: "CIDR" } as const;

/** A login, and the known facts about its mount. */
export interface LoginPlace {
  /** Why Vault may refuse it, as in `it refuses the role ID or the secret ID at auth/approle/login`. */
  readonly hint: string;
  /** Below `/v1/`, where the login depends on the mount of an auth method. */
  readonly path?: string;
  /** Whether Vault locks the account after some refused logins: a role of AppRole, a user of userpass. */
  readonly locks?: boolean;
  /** Whether a method of this kind is mounted there, as far as is known. */
  readonly mount?: "there" | "absent" | "unknown";
}

/**
 * The error for a login that failed. If Vault refuses it for its name, its password or its mount, the login is
 * `unauthenticated`. An answer without a list of errors does not come from Vault, but from something before it.
 */
export function vaultLoginRefusal(answer: VaultAnswer, action: string, place: LoginPlace): KmsError {
  const refused = answer.status >= 400 && answer.status < 500 && ![412, 429, 472, 473, 474].includes(answer.status);
  if (!refused || !Array.isArray(field(answer.body, "errors"))) return refusal(answer, action);
  const found = reasons(answer.body);
  if (knownText(found)?.ofNamespace === true) return refusal(answer, action);
  const { hint, path, locks = false, mount = "unknown" } = place;
  const said = (why: string) => `Cannot ${action}: Vault answered ${answer.status} (${why}).`;
  if (path !== undefined && (mount === "absent" || answer.status === 404)) {
    return new KmsError("unauthenticated", said(noSuchMount(path)));
  }
  const cause = loginCause(found);
  if (cause !== undefined || !locks) return new KmsError("unauthenticated", said(cause ?? hint));
  if (answer.status !== 403) return new RefusedLogin(said(hint), "vaultCounted");
  const locked = mount === "there" ? mayBeLocked : `${mayBeLocked}, or has no such auth mount`;
  return new RefusedLogin(said(`${hint}, ${locked}`), "vaultLocked");
}

/** Vault answers a login of a locked account in the words of one at a mount that is not there. */
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
 * Whether an answer is Vault's bare "permission denied": of a path that is forbidden or not there, of a locked account,
 * and with OpenBao of a token that is not valid any more.
 */
export function deniesWithoutCause({ status, body }: VaultAnswer): boolean {
  return status === 403 && Array.isArray(field(body, "errors")) && knownText(reasons(body)) === undefined;
}

/** Whether Vault answers that the token is unknown or no longer valid. OpenBao has no such answer. */
export function saysTokenIsDead({ status, body }: VaultAnswer): boolean {
  return status === 403 && knownText(reasons(body))?.code === "unauthenticated";
}

/** Whether another address may do better: this one is down, sealed, a standby, behind, or redirects. */
export function passesOn(answer: VaultAnswer): boolean {
  if ([301, 302, 307, 308, 412, 472, 473, 474].includes(answer.status)) return true;
  // A failing item of a batch can make its status 500; such an answer is the engine's own and the same everywhere.
  if (answer.status < 500 || field(answer.body, "data") !== undefined) return false;
  // What an administrator has locked is locked at every address.
  return knownText(reasons(answer.body))?.code !== "permission_denied";
}

/** The meaning of an answer, by its content and by the request. */
function meaningOf(answer: VaultAnswer): Meaning {
  const { status, body, namespace } = answer;
  const found = reasons(body);
  const known = named(meaning(status, found), namespace);
  if (answer.redirect !== undefined) {
    return { code: known.code, why: `${known.why}; ${redirected(answer.redirect, status)}` };
  }
  if (knownText(found) !== undefined) return known;
  if ((status === 401 || status === 403) && !isVaults(answer)) return { code: "unreachable", why: proxys };
  if (status === 403 && answer.asked !== undefined) return { code: known.code, why: denied(answer.asked) };
  // Vault's own 404 has a list of errors, though it may be empty.
  if (status === 404 && !isVaults(answer)) return { code: "unreachable", why: notVault };
  return known;
}

/** Whether a refusal is Vault's own: these have a list of errors, or the results of a batch. */
export function isVaults({ body }: VaultAnswer): boolean {
  return Array.isArray(field(body, "errors")) || field(body, "data") !== undefined;
}

const proxys = "not from Vault's API, but from something before it: look at the log of the proxy, and at address";
const notVault = "not from Vault's API, but from something before it: look at the path in address";

/** Vault answers alike where a policy is missing and where there is no such mount. */
function denied({ method, path, hasToken }: Asked): string {
  const right = `${method === "GET" ? "read" : "update"} on ${path}`;
  return hasToken
    ? `the token's policies do not allow ${right}: look at mount, key or policy`
    : `the agent adds no token, or its policies do not allow ${right}: look at mount, key or policy, and at auto_auth ` +
      "and api_proxy { use_auto_auth_token = true } of the agent";
}

/** A standby of Vault's answers 307; any other redirect is of something before it, such as a page for logins. */
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

/** The first text that says more than "permission denied" decides. */
function knownText(found: readonly string[]): VaultMeaning | undefined {
  for (const text of found) {
    const known = Object.hasOwn(texts, text)
      ? texts[text]
      : beginnings.find(([beginning]) => text.startsWith(beginning))?.[1];
    if (known !== undefined) return known;
  }
  return undefined;
}

/** The name comes from the configuration; the one in the answer is not repeated. */
function named({ code, why, ofNamespace }: VaultMeaning, namespace: string | undefined): Meaning {
  return { code, why: ofNamespace === true && namespace !== undefined ? `${why}: "${namespace}"` : why };
}

/** Vault's list `errors`, where several reasons may be folded into one text of lines that begin with an asterisk. */
function reasons(body: unknown): string[] {
  const errors = field(body, "errors");
  if (!Array.isArray(errors)) return [];
  return errors.filter((one) => typeof one === "string").flatMap((text: string) =>
    /^\d+ errors? occurred:/.test(text)
      ? text.split("\n").filter((line) => line.startsWith("\t* ")).map((line) => line.slice(3).trim())
      : [text.trim()]
  );
}

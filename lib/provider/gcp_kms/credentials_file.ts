/**
 * The JSON files with which Google's tools and libraries are configured to log in, and the parts of them that are
 * supported.
 *
 * A file can come from an untrusted source, and names the addresses to which credentials are sent and the places from
 * which they are read ("Security requirements when using credential configurations from an external source"). So
 * Google's own addresses must be in the configured universe, no process is started, and unknown content is rejected.
 *
 * @module
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { utf8 } from "../../base/bytes.ts";
import { readCredentialText } from "../../base/credential_file.ts";
import { whyUnreadable } from "../../base/durable_file.ts";
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import { field, parsedJson } from "../../net/https/fields.ts";
import { privateKeyPem } from "../../net/https/jwt.ts";

/** A key of a service account. */
export interface ServiceAccountKey {
  readonly type: "service_account";
  /** Address of the service account. */
  readonly email: string;
  /** Identifies the key to Google; sent in the header of JWTs. */
  readonly keyId: string | undefined;
  readonly key: KeyObject;
  /** URL of the token endpoint. */
  readonly tokenUrl: string;
}

/** The source of another issuer's token: a file or a URL, as text or as a field of JSON. */
export interface SubjectSource {
  readonly from:
    | { readonly file: string }
    | { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  /** The field of a JSON object that contains the token; `undefined` if the text is the token. */
  readonly field: string | undefined;
}

/** Workload identity federation. */
export interface ExternalAccount {
  readonly type: "external_account";
  /** Resource name of the workload identity provider. */
  readonly audience: string;
  readonly subjectTokenType: string;
  /** URL of the Security Token Service. */
  readonly tokenUrl: string;
  /** Source of the other issuer's token. */
  readonly source: SubjectSource;
  /** The service account to impersonate, and the lifetime of its tokens in seconds. */
  readonly impersonate: { readonly serviceAccount: string; readonly url: string; readonly seconds: number } | undefined;
}

/** The supported types of file. */
export type GoogleCredentials = ServiceAccountKey | ExternalAccount;

/** How a file is read: its permitted types, and the code and action of errors. */
export interface Reading {
  /** The permitted types of file. */
  readonly types: readonly GoogleCredentials["type"][];
  readonly universeDomain: string;
  /** `config` at the start, `unauthenticated` later. */
  readonly code: ErrorCode;
  /** The action in error messages. */
  readonly action: string;
}

/** Maximum size in bytes; a key file has about 2,300. */
const largestFile = 64 * 1024;

/** Types of file that are rejected, with the remedy. */
const refusedTypes = {
  authorized_user: "it is a person's login; make a service account for this machine",
  external_account_authorized_user: "it is a person's login; make a service account for this machine",
  impersonated_service_account: "it stands on a person's login; use the machine's own and write impersonate",
  gdch_service_account: "it is for Google Distributed Cloud, which has no Cloud KMS",
} as const satisfies Record<string, string>;

/** Sources of a subject token that are rejected, by the field that identifies them. */
const refusedSources = {
  executable: "its token comes from a program, and Trousseau starts none; take it from a file or a URL",
  environment_id: "its token is signed with AWS credentials; take one of an OpenID Connect issuer from a file or a URL",
  certificate: "its token is a certificate; take one of an OpenID Connect issuer from a file or a URL",
} as const satisfies Record<string, string>;

/** The token URL in old key files, outside the domain of the universe. */
const oldTokenUrl = "https://accounts.google.com/o/oauth2/token";

/** The form of a header name. */
const headerName = /^[0-9A-Za-z!#$%&'*+.^_|~-]{1,128}$/;
const headerValue = /^[\x20-\x7e]{0,8192}$/;

/**
 * Reads a file.
 *
 * @throws {KmsError} the reading's code, with the defect of the file. The message repeats nothing of its content.
 */
export async function readCredentials(path: string, reading: Reading): Promise<GoogleCredentials> {
  const fail = (why: string, cause?: unknown) =>
    new KmsError(reading.code, `Cannot ${reading.action}: ${path} ${why}.`, { cause });
  const text = await readCredentialText(path, largestFile).catch((cause) => {
    throw fail(`cannot be read: ${whyUnreadable(cause, path)}`, cause);
  });
  const json = parsedJson(utf8(text));
  const type = field(json, "type");
  if (typeof type === "string" && Object.hasOwn(refusedTypes, type)) {
    throw fail(`is of a type that is not taken: ${refusedTypes[type as keyof typeof refusedTypes]}`);
  }
  const wanted = reading.types.find((one) => one === type);
  if (wanted === undefined) throw fail(`holds no credentials of type ${reading.types.join(" or ")}`);
  const universe = field(json, "universe_domain") ?? "googleapis.com";
  if (universe !== reading.universeDomain) throw fail("is for another universe than universeDomain");
  const found = wanted === "service_account"
    ? serviceAccountKey(json, reading.universeDomain)
    : externalAccount(json, reading.universeDomain);
  if (typeof found === "string") throw fail(found);
  return found;
}

/** The key, or the defect of the file. */
function serviceAccountKey(json: unknown, universe: string): ServiceAccountKey | string {
  const text = textsOf(json);
  const [email, pem, keyId] = [text("client_email"), text("private_key"), text("private_key_id")];
  const tokenUrl = text("token_uri") ?? `https://oauth2.${universe}/token`;
  if (email === undefined || !isEmail(email) || pem === undefined) return "holds no service account's key";
  if (!isGoogles(tokenUrl, universe) && tokenUrl !== oldTokenUrl) {
    return "has a token_uri that is not in the domain of the universe";
  }
  const key = rsaKey(pem);
  return key === undefined
    ? "holds a private_key that is no RSA key"
    : { type: "service_account", email, keyId, key, tokenUrl };
}

function rsaKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(privateKeyPem(pem));
    return key.asymmetricKeyType === "rsa" ? key : undefined;
  } catch {
    return undefined;
  }
}

/** The settings of workload identity federation, or the defect of the file. */
function externalAccount(json: unknown, universe: string): ExternalAccount | string {
  const text = textsOf(json);
  const [audience, subjectTokenType] = [text("audience"), text("subject_token_type")];
  const tokenUrl = text("token_url") ?? `https://sts.${universe}/v1/token`;
  if (audience === undefined || subjectTokenType === undefined) return "holds no audience or no subject_token_type";
  if (field(json, "workforce_pool_user_project") !== undefined || field(json, "client_id") !== undefined) {
    return "is for people of a workforce pool; make one of a workload identity pool";
  }
  if (!isGoogles(tokenUrl, universe)) return "has a token_url that is not in the domain of the universe";
  const source = subjectSource(field(json, "credential_source"));
  if (typeof source === "string") return source;
  const impersonate = impersonation(json, universe);
  if (typeof impersonate === "string") return impersonate;
  return { type: "external_account", audience, subjectTokenType, tokenUrl, source, impersonate };
}

function subjectSource(json: unknown): SubjectSource | string {
  const refused = Object.keys(refusedSources).find((name) => field(json, name) !== undefined);
  if (refused !== undefined) {
    return `cannot be used: ${refusedSources[refused as keyof typeof refusedSources]}`;
  }
  const format = field(json, "format");
  const name = textsOf(format)("subject_token_field_name");
  const type = field(format, "type") ?? "text";
  if (type !== "text" && (type !== "json" || name === undefined)) return "has a credential_source.format that is none";
  const inField = type === "json" ? name : undefined;
  const [file, url] = [textsOf(json)("file"), textsOf(json)("url")];
  if (file !== undefined) {
    return file.startsWith("/")
      ? { from: { file }, field: inField }
      : "has a credential_source.file that is not an absolute path";
  }
  if (url === undefined || !isSource(url)) {
    return url === undefined
      ? "has a credential_source without a file or a url"
      : "has a credential_source.url that is neither https:// nor of this machine";
  }
  const headers = headersOf(field(json, "headers"));
  return headers === undefined
    ? "has credential_source.headers that are none"
    : { from: { url, headers }, field: inField };
}

function headersOf(json: unknown): Record<string, string> | undefined {
  if (json === undefined) return {};
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const entries = Object.entries(json as Record<string, unknown>);
  const sound = entries.every(([name, value]) =>
    headerName.test(name) && typeof value === "string" && headerValue.test(value)
  );
  return sound ? Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), `${value}`])) : undefined;
}

function impersonation(json: unknown, universe: string): ExternalAccount["impersonate"] | string {
  const url = textsOf(json)("service_account_impersonation_url");
  if (url === undefined) return undefined;
  const [, serviceAccount = ""] =
    /^https?:\/\/[^/]+\/v1\/projects\/-\/serviceAccounts\/([^/:?#]+):generateAccessToken$/.exec(url) ?? [];
  if (!isGoogles(url, universe) || !isEmail(serviceAccount)) {
    return "has a service_account_impersonation_url that is not one of the universe";
  }
  // One hour by default; an organization can permit up to twelve.
  const seconds = field(field(json, "service_account_impersonation"), "token_lifetime_seconds") ?? 3600;
  return typeof seconds === "number" && Number.isInteger(seconds) && seconds >= 600 && seconds <= 43_200
    ? { serviceAccount, url, seconds }
    : "has a token_lifetime_seconds that is not from 600 to 43200";
}

/** Whether a text is the address of a service account, which is used in a path. */
function isEmail(text: string): boolean {
  return /^[0-9A-Za-z._-]{1,128}@[0-9A-Za-z.:-]{1,253}$/.test(text);
}

/** Whether a URL is one of Google's in this universe. */
function isGoogles(url: string, universe: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username, port } = new URL(url);
  return protocol === "https:" && username === "" && port === "" && hostname.endsWith(`.${universe}`);
}

/** Whether a token may be read from a URL: plain http is permitted on this machine only. */
function isSource(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username } = new URL(url);
  if (username !== "") return false;
  return protocol === "https:" ||
    (protocol === "http:" && /^(localhost|\[::1\]|127(\.[0-9]+){3}|169\.254\.169\.254)$/.test(hostname));
}

function textsOf(json: unknown): (name: string) => string | undefined {
  return (name) => {
    const value = field(json, name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
}

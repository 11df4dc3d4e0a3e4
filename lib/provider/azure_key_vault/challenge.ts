/**
 * The challenge with which a vault answers a request without a token: the service and the tenant of the token that it
 * requires.
 *
 * Checking it first prevents sending a token to a server that is not a vault of the configured cloud: see
 * "Authentication, requests and responses" of Key Vault. Microsoft's own clients call it "challenge resource
 * verification".
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { refusal } from "./errors.ts";
import { isBelow } from "./clouds.ts";

/** The expected values. */
export interface Expected {
  /** Origin of the vault. */
  readonly vault: string;
  /** The configured resource of tokens. */
  readonly resource: string;
  /** Present if the login names a tenant. */
  readonly tenantId: string | undefined;
}

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Checks that the vault requires a token for its own domain.
 *
 * @throws {KmsError} `provider_protocol` if it requires a token for another domain, `unauthenticated` if it belongs to
 *   another tenant, otherwise the error for the response.
 */
export function checkChallenge(answer: HttpAnswer, expected: Expected, action: string): void {
  if (answer.status !== 401) {
    if (answer.status >= 400) throw refusal(answer, action);
    throw unacceptable(action, `Key Vault answered ${answer.status} to a request without a token`);
  }
  const { resource, tenant } = parseChallenge(answer.headers["www-authenticate"] ?? "");
  if (resource === undefined || resource !== expected.resource || !isBelow(expected.vault, resource)) {
    throw unacceptable(action, "the vault asks for a token that is not for its own domain, and gets none");
  }
  const { tenantId } = expected;
  if (tenant !== undefined && tenantId !== undefined && guid.test(tenant) && guid.test(tenantId)) {
    if (tenant.toLowerCase() === tenantId.toLowerCase()) return;
    throw new KmsError("unauthenticated", `Cannot ${action}: the vault belongs to another tenant than auth.tenantId.`);
  }
}

/**
 * The origin that a token must be for and the tenant that must issue it; `undefined` if absent.
 *
 * @param header one or several challenges, separated by commas; the first bearer challenge counts.
 */
export function parseChallenge(header: string): { readonly resource?: string; readonly tenant?: string } {
  const [, parameters = ""] = /(?:^|,)\s*bearer\s+([\s\S]*)$/i.exec(header) ?? [];
  const fields = new Map<string, string>();
  for (const [, name = "", value = ""] of parameters.matchAll(/([a-z_]+)\s*=\s*"([^"]*)"/gi)) {
    if (!fields.has(name.toLowerCase())) fields.set(name.toLowerCase(), value);
  }
  const resource = originOf(fields.get("resource") ?? fields.get("scope")?.replace(/\/\.default$/, ""));
  const authorization = fields.get("authorization") ?? fields.get("authorization_uri") ?? "";
  const tenant = URL.canParse(authorization) ? new URL(authorization).pathname.split("/")[1] : undefined;
  return {
    ...(resource === undefined ? {} : { resource }),
    ...(tenant === undefined || tenant === "" ? {} : { tenant }),
  };
}

function originOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;
}

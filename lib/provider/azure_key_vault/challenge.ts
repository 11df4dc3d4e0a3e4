/**
 * What a vault answers to a request without a token: for which service it wants one, and of which tenant.
 *
 * Reading it before a token is sent keeps a token from a server that is no vault of the cloud that was configured: see
 * "Authentication, requests and responses" of Key Vault, and what Microsoft's own clients do as "challenge resource
 * verification".
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { refusal } from "./errors.ts";
import { isBelow } from "./clouds.ts";

/** What the answer is held against. */
export interface Expected {
  readonly vault: string;
  readonly resource: string;
  /** Where the login names one. */
  readonly tenantId: string | undefined;
}

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Checks that the vault asks for a token for its own domain.
 *
 * @throws {KmsError} `provider_protocol` if it asks for another, `unauthenticated` if it is another tenant's, else what
 *   the answer means.
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
 * The origin that a token has to be for and the tenant that has to issue it; `undefined` what is not told.
 *
 * @param header one challenge or several, joined by commas; what the first one by bearer token says counts.
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

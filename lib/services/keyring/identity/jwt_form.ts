/**
 * The form of a JWT (RFC 7519) before anything of it is verified.
 *
 * @module
 */
import { fromBase64url } from "../../../base/bytes.ts";
import { jsonMembers } from "../records/json_record.ts";

/** The claims of a JWT; nothing of them is verified. `undefined` if header and claims are not JSON objects in base64url. */
export function unverifiedClaims(jwt: string): Readonly<Record<string, unknown>> | undefined {
  const [header, claims, signature, ...more] = jwt.split(".").map(fromBase64url);
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) return undefined;
  return jsonMembers(header) === undefined ? undefined : jsonMembers(claims);
}

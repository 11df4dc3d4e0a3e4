/**
 * The answer with a new client certificate.
 *
 * @module
 */
import type { CertificateAnswer } from "../../../api/keyring/identity_schemas.ts";
import { objectAt, optional, textAt } from "../connection/shape.ts";

/** @throws {KmsError} `provider_protocol` */
export function certificateOf(value: unknown, place: string): CertificateAnswer {
  const one = objectAt(value, place);
  return {
    certificate: textAt(one["certificate"], "certificate"),
    notAfter: textAt(one["notAfter"], "notAfter"),
    ...authoritiesIn(one),
  };
}

/** The authorities of the server in an answer, if it has them. @throws {KmsError} `provider_protocol` */
export function authoritiesIn(one: Readonly<Record<string, unknown>>): { readonly ca?: string } {
  const ca = optional(textAt, one["ca"], "ca");
  return ca === undefined ? {} : { ca };
}

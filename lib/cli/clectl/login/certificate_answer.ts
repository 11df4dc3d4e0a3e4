/**
 * The answer with a new client certificate.
 *
 * @module
 */
import type { CertificateAnswer } from "../../../api/keyring/identity_schemas.ts";
import { objectAt, textAt } from "../connection/shape.ts";

/** @throws {KmsError} `provider_protocol` */
export function certificateOf(value: unknown, place: string): CertificateAnswer {
  const one = objectAt(value, place);
  return {
    certificate: textAt(one["certificate"], "certificate"),
    ca: textAt(one["ca"], "ca"),
    notAfter: textAt(one["notAfter"], "notAfter"),
  };
}

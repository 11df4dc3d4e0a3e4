import assert from "node:assert/strict";
import type { DetailedPeerCertificate } from "node:tls";
import { certificateFault, nameFault } from "./certificate_fault.ts";

const wall = Date.parse("2026-01-01T00:00:00Z");
const trust = { source: "/etc/trousseau/ca.pem", wall };

/** A certificate as Node describes it. It is its own issuer unless another is given. */
function certificate(
  [subject, issuer]: readonly [string, string],
  [from, to]: readonly [string, string],
  above?: DetailedPeerCertificate,
): DetailedPeerCertificate {
  const made = {
    subject: { CN: subject },
    issuer: { CN: issuer },
    valid_from: `Jan 1 00:00:00 ${from} GMT`,
    valid_to: `Jan 1 00:00:00 ${to} GMT`,
  } as DetailedPeerCertificate;
  made.issuerCertificate = above ?? made;
  return made;
}

Deno.test("certificateFault() checks the dates first, then those of the issuers, then the issuer", () => {
  const years = ["2025", "2027"] as const;
  const root = certificate(["root", "root"], years);
  const old = certificate(["intermediate", "root"], ["2020", "2025"], root);
  const young = certificate(["intermediate", "root"], ["2027", "2029"], root);
  const cases: readonly (readonly [DetailedPeerCertificate | undefined, string])[] = [
    [
      certificate(["kms", "root"], ["2020", "2025"], old),
      "has a certificate that expired at 2025-01-01T00:00:00Z; this machine's clock says 2026-01-01T00:00:00Z: " +
      "renew the certificate, or set the clock",
    ],
    [
      certificate(["kms", "root"], ["2027", "2029"], root),
      "has a certificate that is not valid before 2027-01-01T00:00:00Z; this machine's clock says " +
      "2026-01-01T00:00:00Z: look at the clock",
    ],
    [
      certificate(["kms", "intermediate"], years, old),
      "has a certificate whose issuer's certificate expired at 2025-01-01T00:00:00Z; this machine's clock says " +
      "2026-01-01T00:00:00Z: renew the issuer's certificate, or set the clock",
    ],
    [
      certificate(["kms", "intermediate"], years, young),
      "has a certificate whose issuer's certificate is not valid before 2027-01-01T00:00:00Z; this machine's clock " +
      "says 2026-01-01T00:00:00Z: look at the clock",
    ],
    [
      certificate(["kms", "kms"], years),
      "has a certificate that it signed itself and that is not in /etc/trousseau/ca.pem: add it there (tls.caFile)",
    ],
    [undefined, "has a certificate that cannot be verified with the authorities in /etc/trousseau/ca.pem"],
  ];
  for (const [shown, words] of cases) assert.equal(certificateFault(shown, trust), words);
});

Deno.test("certificateFault() terminates for any certificate", () => {
  const odd = { subject: {}, issuer: { CN: ["a", "b"] }, valid_from: "", valid_to: "?" } as unknown;
  assert.match(certificateFault(odd as DetailedPeerCertificate, trust), /did not issue: add its authority/);
  let long = certificate(["0", "1"], ["2025", "2027"]);
  for (let at = 1; at < 100; at++) long = certificate([`${at}`, `${at + 1}`], ["2025", "2027"], long);
  assert.match(certificateFault(long, trust), /did not issue \(its issuer calls itself "100"\)/);
});

Deno.test("nameFault() repeats only valid names, and at most three", () => {
  const words = (subjectaltname: unknown) => nameFault("kms.test", { subjectaltname });
  assert.match(
    words("DNS:a.test, IP Address:192.0.2.1, DNS:*.b.test, DNS:c.test"),
    /for a\.test, 192\.0\.2\.1, \*\.b\.test\)/,
  );
  for (const none of [undefined, "", "DNS:a b", "URI:x\u001b", 7]) assert.doesNotMatch(words(none), /it is for/);
});

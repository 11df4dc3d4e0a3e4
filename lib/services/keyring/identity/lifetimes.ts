/**
 * Lifetimes of certificates, codes and tokens, in milliseconds.
 *
 * @module
 */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** All lifetimes of the room. */
export const lifetimes = {
  /** A certificate authority of the store: 10 years. */
  authority: 3_652 * dayMs,
  /** An authority goes on for so long after its successor was made. */
  retiringAuthority: 90 * dayMs,
  serverCertificate: 90 * dayMs,
  /** A server certificate with less time left is replaced. */
  serverRenewal: 30 * dayMs,
  clientCertificate: 7 * dayMs,
  /** From the first certificate of an enrolment until it ends. */
  enrolment: 90 * dayMs,
  enrolmentCode: 10 * minuteMs,
  /** From a login until its token can be renewed no longer. */
  login: dayMs,
  /** Maximum of a token that an administrator makes. */
  madeToken: 90 * dayMs,
  /** Minimum of the same. */
  minMadeToken: minuteMs,
  /** A certificate is valid from so long before it was made, since clocks differ. */
  backdated: 5 * minuteMs,
  /** Rows of ended enrolments are kept for so long, for lists. */
  keptRows: 30 * dayMs,
} as const;

/**
 * Answers of the routes for health and the audit.
 *
 * @module
 */
import * as z from "zod/mini";
import { shownTime } from "./common_schemas.ts";

const healthState = z.enum(["ok", "degraded", "failed"]);

/** Query of `GET backup`. */
export const backupQuery = z.strictObject({
  keyFile: z.optional(
    z.enum(["kept-elsewhere"], "must be kept-elsewhere").check(
      z.describe(
        "Accepts that every key of the store lies in one file of the server: a copy of it is in another place.",
      ),
    ),
  ),
});

/** The state of the server and of each of its parts. */
export const healthAnswer = z.object({
  state: healthState.check(z.describe("The worst state of all parts.")),
  parts: z.array(z.object({
    name: z.string().check(z.describe("store, certificate, clock, backup, audit, or kms: and the name of a provider.")),
    state: healthState,
    reason: z.optional(z.string().check(z.describe("A sentence, for requests with an identity."))),
  })),
});

/** The public key of the audit's signatures. */
export const auditKeyAnswer = z.object({
  serverId: z.string(),
  publicKey: z.string().check(z.describe("Ed25519, SubjectPublicKeyInfo, PEM.")),
});

/** The newest line of the audit. */
export const auditHeadAnswer = z.object({
  lines: z.int().check(z.describe("Number of lines.")),
  hash: z.string().check(z.describe("SHA-256 of the chain, hexadecimal.")),
  at: shownTime,
});

export type HealthAnswer = z.infer<typeof healthAnswer>;
export type AuditKeyAnswer = z.infer<typeof auditKeyAnswer>;
export type AuditHeadAnswer = z.infer<typeof auditHeadAnswer>;

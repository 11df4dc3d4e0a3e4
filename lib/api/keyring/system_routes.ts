/**
 * The routes for health, the audit and backups.
 *
 * @module
 */
import * as system from "./system_schemas.ts";
import type { RouteRow } from "./route.ts";
import { upkeepRequest } from "./upkeep_schemas.ts";

/** The routes for health, the audit and backups. By the ID of the operation. */
export const systemRoutes = {
  auditKey: {
    method: "GET",
    path: "audit/key",
    verb: "admin",
    on: "server",
    action: "audit.key",
    summary: "The public key of the audit's signatures.",
    answer: system.auditKeyAnswer,
    status: 200,
  },
  auditHead: {
    method: "GET",
    path: "audit/head",
    verb: "admin",
    on: "server",
    action: "audit.head",
    summary: "The newest line of the audit.",
    answer: system.auditHeadAnswer,
    status: 200,
  },
  health: {
    method: "GET",
    path: "health",
    verb: "none",
    on: "server",
    action: "health.read",
    summary: "The state of each part of the server; with reasons if the request has an identity.",
    answer: system.healthAnswer,
    status: 200,
  },
  backup: {
    method: "GET",
    path: "backup",
    verb: "admin",
    on: "server",
    action: "backup.create",
    summary: "A backup of the store; it is sealed. Refused where no key outside the server would open it.",
    query: system.backupQuery,
    answer: "octets",
    status: 200,
  },
  runUpkeep: {
    method: "POST",
    path: "upkeep",
    verb: "admin",
    on: "server",
    action: "upkeep.run",
    summary:
      "Rewraps, reseals, reindexes or verifies the store, or makes a new authority; over the admin socket alone, with a line of " +
      "progress a second.",
    body: upkeepRequest,
    answer: "lines",
    status: 200,
  },
} as const satisfies Readonly<Record<string, RouteRow>>;

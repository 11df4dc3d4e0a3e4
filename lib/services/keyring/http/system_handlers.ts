/**
 * The work of the routes for the audit and backups.
 *
 * @module
 */
import { requireOpenableBackup } from "../backup/openable.ts";
import { jsonAnswer } from "./exchange.ts";
import type { NativeHandlers } from "./native_handlers.ts";
import { shownAt } from "./secret_json.ts";
import { runUpkeep } from "./upkeep_handler.ts";

/** The handlers by the ID of the route. */
export const systemHandlers: NativeHandlers<"auditKey" | "auditHead" | "backup" | "runUpkeep"> = {
  auditKey({ parts: { auditKey: { serverId, publicKey } } }) {
    return Promise.resolve({ answer: jsonAnswer(200, { serverId, publicKey }), audited: [{}] });
  },

  runUpkeep,

  auditHead({ parts }) {
    const { lines, hash, at } = parts.audit.head();
    return Promise.resolve({ answer: jsonAnswer(200, { lines, hash, at: shownAt(at) }), audited: [{}] });
  },

  async backup({ parts, query, request, signal }) {
    if (query.keyFile !== "kept-elsewhere") requireOpenableBackup(await parts.diskBound(signal));
    // The time of an operation does not limit a stream; the client's connection does.
    const body = parts.backup(request.signal);
    const headers = { "content-type": "application/octet-stream" };
    return { answer: { status: 200, headers, body }, audited: [{}] };
  },
};

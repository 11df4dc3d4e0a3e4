/**
 * The columns of the tables of routes.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { Verb } from "./verbs.ts";

/** A route. */
export interface RouteRow {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /**
   * Path below `apiPrefix` of `routes.ts`. `{path}` stands for the path of a secret and `{folder}` for that of a folder, each
   * with its slashes; `{id}` for one segment.
   */
  readonly path: string;
  /** The verb that the policy must allow; `identity`: each identity may; `none`: no identity is needed. */
  readonly verb: Verb | "identity" | "none";
  /**
   * The objects for which the verb is asked: the path of the URL, each path in the body, each entry of the answer, or the whole
   * server.
   */
  readonly on: "url" | "body" | "entries" | "server";
  /** Name of the operation in the audit. */
  readonly action: string;
  readonly summary: string;
  readonly query?: z.ZodMiniType;
  readonly body?: z.ZodMiniType;
  /** `octets`: any bytes. `events`: server-sent events. `lines`: JSON documents, one a line. `none`: no content. */
  readonly answer: z.ZodMiniType | "octets" | "events" | "lines" | "none";
  readonly status: 200 | 201 | 204;
  /** Whether `If-Match` with the current version is taken. */
  readonly ifMatch?: true;
  /** Whether `Idempotency-Key` is taken. */
  readonly idempotent?: true;
}

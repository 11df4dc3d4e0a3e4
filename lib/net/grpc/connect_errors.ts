/**
 * What grpc-js says by itself where no plugin has answered, told apart by its words: it has no other field for them.
 *
 * @module
 */
import { type Status, statuses } from "./codes.ts";

/** A failure on this side of the socket. */
export interface LocalFailure {
  readonly code: Status;
  /** Half a sentence of our own: why the plugin could not be reached, or not any more. */
  readonly why: string;
}

/** Why a connection could not be made, by the system's name for it. */
const connectFailures: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens on the socket",
  EACCES: "this user may not connect to the socket; its mode, owner and folder say who may",
  ENOTSOCK: "it is no socket",
};

/** What such a failure is; `undefined` for everything that a plugin may have said itself. */
export function localFailure(details: string): LocalFailure | undefined {
  const [, name = ""] = /^No connection established\..*\b(E[A-Z]+)\b/.exec(details) ?? [];
  const why = connectFailures[name];
  if (why !== undefined) return { code: statuses.UNAVAILABLE, why };
  if (broken.some((words) => words.test(details))) return { code: statuses.UNAVAILABLE, why: "the connection broke" };
  return undefined;
}

/** Where a process that dies takes its connections along; the last one is INTERNAL to grpc-js. */
const broken = [
  /^Connection dropped$/,
  /^[a-z]+ ECONNRESET$/,
  /^Received RST_STREAM with code \d+ triggered by internal client error: /,
];

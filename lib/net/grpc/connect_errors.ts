/**
 * Recognizes the errors of grpc-js that no server has sent. They differ from a server's errors only in their text.
 *
 * @module
 */
import { type Status, statuses } from "./codes.ts";

/** A failure of the connection. */
export interface LocalFailure {
  readonly code: Status;
  /** The reason, as the end of a sentence without its full stop. */
  readonly why: string;
}

/** The reason why no connection could be made, by the error code of the system. */
const connectFailures: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens on the socket",
  EACCES: "this user may not connect to the socket; its mode, owner and folder say who may",
  ENOTSOCK: "it is no socket",
};

/** The failure behind an error of grpc-js; `undefined` if a server can have sent the error. */
export function localFailure(details: string): LocalFailure | undefined {
  const [, name = ""] = /^No connection established\..*\b(E[A-Z]+)\b/.exec(details) ?? [];
  const why = connectFailures[name];
  if (why !== undefined) return { code: statuses.UNAVAILABLE, why };
  if (broken.some((words) => words.test(details))) return { code: statuses.UNAVAILABLE, why: "the connection broke" };
  return undefined;
}

/** The errors of a connection whose server process has ended. grpc-js reports the last one as INTERNAL. */
const broken = [
  /^Connection dropped$/,
  /^[a-z]+ ECONNRESET$/,
  /^Received RST_STREAM with code \d+ triggered by internal client error: /,
];

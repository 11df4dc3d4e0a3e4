/**
 * Requests to a running keyring server on its admin socket.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { KmsError } from "../base/errors.ts";
import { errnoOf } from "../base/system_failures.ts";

/** Milliseconds until the first byte of an answer. */
const patienceMs = 30_000;

/** Bytes of an answer that is no backup. */
const maxProblem = 16 * 1024;

/**
 * The bytes of a backup from the running server.
 *
 * @param path of the admin socket.
 * @returns `undefined` if no server runs there.
 * @throws {KmsError} `unreachable` if the server answers anything else.
 */
export async function adminBackup(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
  const { request } = await import("node:http");
  const answered = Promise.withResolvers<IncomingMessage | undefined>();
  const sent = request({ socketPath: path, path: "/api/v1/backup", method: "GET", agent: false, signal });
  sent.setTimeout(patienceMs, () => sent.destroy(new Error("no answer")));
  sent.on("response", (answer) => answered.resolve(answer));
  sent.on("error", (thrown) => {
    const errno = errnoOf(thrown);
    if (errno === "ENOENT" || errno === "ECONNREFUSED") answered.resolve(undefined);
    else answered.reject(failure("it does not answer", thrown));
  });
  sent.end();
  const answer = await answered.promise;
  if (answer === undefined) return undefined;
  if (answer.statusCode === 200) return chunksOf(answer);
  throw failure(await reasonOf(answer));
}

async function* chunksOf(answer: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer) yield new Uint8Array(chunk);
  } catch (thrown) {
    throw failure("it ended in the middle of the backup", thrown);
  }
}

/** The sentence of a problem document (RFC 9457), without its full stop. */
async function reasonOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > maxProblem) break;
  }
  try {
    const { detail }: { detail?: unknown } = JSON.parse(text);
    if (typeof detail === "string" && detail !== "") return detail.replace(/\.$/, "");
  } catch {
    // It is no problem document.
  }
  return `it answers with status ${answer.statusCode}`;
}

function failure(why: string, cause?: unknown): KmsError {
  return new KmsError("unreachable", `Cannot get the backup from the running server: ${why}.`, { cause });
}

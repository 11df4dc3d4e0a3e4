/**
 * Requests to a running keyring server on its admin socket.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { KeyringError, type ProblemCode, problems } from "../api/keyring/problems.ts";
import {
  type UpkeepJob,
  upkeepLine,
  type UpkeepReport,
  upkeepReports,
  type UpkeepRequest,
} from "../api/keyring/upkeep_schemas.ts";
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
 * @throws {KeyringError} `backup_unopenable`. @throws {KmsError} `unreachable` if the server answers anything else.
 */
export async function adminBackup(
  path: string,
  { keyFileKeptElsewhere, signal }: { readonly keyFileKeptElsewhere: boolean; readonly signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const target = `/api/v1/backup${keyFileKeptElsewhere ? "?keyFile=kept-elsewhere" : ""}`;
  const answer = await ask(path, { method: "GET", target }, signal);
  if (answer === undefined) return undefined;
  if (answer.statusCode === 200) return chunksOf(answer);
  const problem = await problemIn(answer);
  throw problemCodeOf(problem.type) === "backup_unopenable"
    ? problemError({ ...problem, detail: `${problem.detail}.` })
    : failure(problem.detail);
}

/**
 * Has the running server do work on its store.
 *
 * @param path of the admin socket.
 * @returns the report; `undefined` if no server runs there.
 * @throws {KeyringError} of the work. @throws {KmsError} `unreachable`.
 */
export async function adminUpkeep<Job extends UpkeepJob>(
  path: string,
  request: UpkeepRequest & { readonly job: Job },
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (text: string) => void },
): Promise<UpkeepReport<Job> | undefined> {
  const sent = { method: "POST", target: "/api/v1/upkeep", body: JSON.stringify(request) } as const;
  const answer = await ask(path, sent, signal);
  if (answer === undefined) return undefined;
  if (answer.statusCode !== 200) throw await refusal(answer);
  for await (const text of linesOf(chunksOf(answer))) {
    const line = upkeepLine.safeParse(jsonOf(text));
    if (!line.success) throw failure("it is of another version; stop it, and start this command again");
    if ("progress" in line.data) onProgress(line.data.progress);
    else if ("problem" in line.data) throw problemError(line.data.problem);
    else return reportIn(request.job, line.data.report);
  }
  throw failure("it ended in the middle");
}

function reportIn<Job extends UpkeepJob>(job: Job, value: unknown): UpkeepReport<Job> {
  const report = upkeepReports[job].safeParse(value);
  if (!report.success) throw failure("it is of another version; stop it, and start this command again");
  return report.data as UpkeepReport<Job>;
}

interface AdminRequest {
  readonly method: "GET" | "POST";
  readonly target: string;
  /** JSON. */
  readonly body?: string;
}

async function ask(
  path: string,
  { method, target, body }: AdminRequest,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
  const { request } = await import("node:http");
  const answered = Promise.withResolvers<IncomingMessage | undefined>();
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const sent = request({ socketPath: path, path: target, method, headers, agent: false, signal });
  sent.setTimeout(patienceMs, () => sent.destroy(new Error("no answer")));
  sent.on("response", (answer) => answered.resolve(answer));
  sent.on("error", (thrown) => {
    const errno = errnoOf(thrown);
    if (errno === "ENOENT" || errno === "ECONNREFUSED") answered.resolve(undefined);
    else answered.reject(failure("it does not answer", thrown));
  });
  sent.end(body);
  return await answered.promise;
}

async function* chunksOf(answer: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer) yield new Uint8Array(chunk);
  } catch (thrown) {
    throw failure("it ended in the middle", thrown);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The lines of a text in UTF-8. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** The code and the sentence of an answer that is a problem document (RFC 9457). */
async function problemIn(answer: IncomingMessage): Promise<{ readonly type: string; readonly detail: string }> {
  let text = "";
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > maxProblem) break;
  }
  try {
    const { type, detail }: { type?: unknown; detail?: unknown } = JSON.parse(text);
    if (typeof detail === "string" && detail !== "") return { type: String(type), detail: detail.replace(/\.$/, "") };
  } catch {
    // It is no problem document.
  }
  return { type: "", detail: `it answers with status ${answer.statusCode}` };
}

/** A server of an older version does not know the route. */
async function refusal(answer: IncomingMessage): Promise<Error> {
  if (answer.statusCode === 404) {
    return failure("it is of another version; stop it, and start this command again");
  }
  const problem = await problemIn(answer);
  return problemCodeOf(problem.type) === undefined
    ? failure(problem.detail)
    : problemError({ ...problem, detail: `${problem.detail}.` });
}

function problemError({ type, detail }: { readonly type: string; readonly detail: string }): KeyringError {
  return new KeyringError(problemCodeOf(type) ?? "internal", detail);
}

function problemCodeOf(type: string): ProblemCode | undefined {
  const code = type.replace(/^urn:trousseau:problem:/, "");
  return Object.hasOwn(problems, code) ? code as ProblemCode : undefined;
}

function failure(why: string, cause?: unknown): KmsError {
  return new KmsError("unreachable", `Cannot use the running server: ${why}.`, { cause });
}

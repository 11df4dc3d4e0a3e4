/**
 * Reads a complete response.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ClientRequest, IncomingMessage } from "node:http";
import { abortError } from "../../base/deadline.ts";
import type { KmsError } from "../../base/errors.ts";
import { parsedJson } from "./fields.ts";
import type { HttpAnswer } from "./http_answer.ts";
import { serverNow } from "./server_time.ts";

/** Reasons without a usable response: too large, ended early, or a TLS server that received plain HTTP. */
export type AnswerFault = "tooLong" | "cutShort" | "plainOnTls";

/** Responses of TLS servers to plain HTTP: Go (Vault), nginx, Apache. */
const plainOnTls = [
  "Client sent an HTTP request to an HTTPS server",
  "The plain HTTP request was sent to HTTPS port",
  "You're speaking plain HTTP to an SSL-enabled server port",
] as const;

/** Reads the whole body. It never rejects. @param maxBytes maximum size of the body */
export function readAnswer(
  response: IncomingMessage,
  maxBytes: number,
): Promise<{ answer: HttpAnswer } | { fault: AnswerFault }> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    response.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else resolve({ fault: "tooLong" });
    });
    response.on("end", () => {
      const bytes = Buffer.concat(chunks);
      const status = response.statusCode ?? 0;
      if (isPlainOnTls(status, bytes)) return resolve({ fault: "plainOnTls" });
      const { headers } = response;
      const retryAfterMs = retryAfter(headers["retry-after"], serverNow(headers.date));
      resolve({ answer: { status, body: parsedJson(bytes), bytes, retryAfterMs, headers } });
    });
    response.on("error", () => resolve({ fault: "cutShort" }));
  });
}

/**
 * The body as it comes. It ends with the response; it throws `cut` if the connection ends before that, or the error of the
 * call's signal.
 */
export async function* chunksOf(
  response: IncomingMessage,
  sent: ClientRequest,
  { signal, action }: { readonly signal: AbortSignal; readonly action: string },
  cut: KmsError,
): AsyncGenerator<Uint8Array> {
  const onAbort = () => void sent.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    for await (const chunk of response) yield chunk;
    if (!response.complete) throw cut;
  } catch {
    throw signal.aborted ? abortError(signal, action) : cut;
  } finally {
    signal.removeEventListener("abort", onAbort);
    sent.destroy();
  }
}

/**
 * The delay in a Retry-After header in milliseconds. The header contains seconds or a date (RFC 9110, section 10.2.3).
 *
 * @param now wall time of the server in milliseconds since the epoch
 * @returns at most an hour; `undefined` if the header is missing or malformed.
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 3_600_000) : undefined;
}

function isPlainOnTls(status: number, bytes: Buffer): boolean {
  if (status !== 400) return false;
  const text = bytes.toString("latin1", 0, 1024);
  return plainOnTls.some((sentence) => text.includes(sentence));
}

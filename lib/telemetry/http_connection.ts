/**
 * One connection of an HTTP client. Its requests are answered one after the other. It is closed if the client is slow.
 *
 * @module
 */
import { utf8 } from "../base/bytes.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { maxHead, parseHead, type RequestHead } from "./http_request.ts";
import type { RequestTurns } from "./turns.ts";

/** An answer. Its body is text in UTF-8. */
export interface PageResponse {
  readonly status: keyof typeof reasons;
  readonly body: string | Uint8Array;
  /** Lowercase names. `date`, `content-length` and `connection` are added. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Timeouts of a connection in milliseconds. */
export interface HttpPatience {
  /** From the first byte of a request to the end of its head, and from the accept to the first byte. */
  readonly headMs: number;
  /** From an answer to the next request. */
  readonly idleMs: number;
  /** For the client to receive an answer. */
  readonly writeMs: number;
}

/** The dependencies of a connection. */
export interface HttpContext {
  /** Answers a request. It can throw. */
  readonly answer: (request: RequestHead) => PageResponse | Promise<PageResponse>;
  /** Makes the answer to a request for which `answer` has thrown. */
  readonly failed: (thrown: unknown) => PageResponse;
  readonly turns: RequestTurns;
  readonly patience: HttpPatience;
  readonly clock: Clock;
}

const reasons = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const satisfies Record<number, string>;

const headEnd = utf8("\r\n\r\n");
const plain = { "content-type": "text/plain; charset=utf-8" } as const;

/**
 * Maximum size in bytes and time in milliseconds of the input that is discarded before a close. Closing at once would
 * reset the connection, and the client could lose the answer.
 */
const discard = { bytes: 65_536, ms: 1000 } as const;

/** An accepted connection. */
export class HttpConnection {
  readonly #conn: Deno.Conn;
  readonly #context: HttpContext;
  readonly #buffer = new Uint8Array(maxHead);
  #filled = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;
  #answering = false;
  #leaving = false;

  constructor(conn: Deno.Conn, context: HttpContext) {
    this.#conn = conn;
    this.#context = context;
  }

  /** Whether a request is being answered. Otherwise the connection can be closed without loss. */
  get answering(): boolean {
    return this.#answering;
  }

  /** Answers requests until the client closes the connection, is too slow, or violates HTTP. It never rejects. */
  async run(): Promise<void> {
    try {
      this.#limit(this.#context.patience.headMs);
      while (await this.#exchange()) this.#limit(this.#context.patience.idleMs);
    } catch {
      // The connection was reset, timed out or closed. In each case it only has to be cleaned up.
    } finally {
      this.close();
    }
  }

  /** Closes the connection after the request in progress has been answered. */
  leave(): void {
    this.#leaving = true;
    if (!this.#answering) this.close();
  }

  /** Closes the connection now. */
  close(): void {
    this.#cancelTimer?.();
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  /** Answers one request. @returns whether another one can follow. */
  async #exchange(): Promise<boolean> {
    const head = await this.#readHead();
    if (head === undefined) return false;
    this.#answering = true;
    try {
      // One request a turn: pipelined requests wait.
      await this.#context.turns.next();
      const request = head === "too long" ? undefined : parseHead(head);
      const stays = request !== undefined && request.keepAlive && !request.hasBody && !this.#leaving;
      const answer = request === undefined ? refusal(head === "too long" ? 431 : 400) : await this.#answer(request);
      this.#limit(this.#context.patience.writeMs);
      await this.#write(bytesOf(answer, { stays, withBody: request?.method !== "HEAD" }));
      if (!stays && request?.keepAlive !== false) await this.#discardRest();
      return stays && !this.#leaving;
    } finally {
      this.#answering = false;
    }
  }

  async #answer(request: RequestHead): Promise<PageResponse> {
    try {
      return await this.#context.answer(request);
    } catch (thrown) {
      return this.#context.failed(thrown);
    }
  }

  /** Reads the next head, one character for each byte; `undefined` if the client has closed the connection. */
  async #readHead(): Promise<string | "too long" | undefined> {
    let from = 0;
    let begun = this.#filled > 0;
    if (begun) this.#limit(this.#context.patience.headMs);
    for (;;) {
      const end = indexOf(this.#buffer, from, this.#filled);
      if (end >= 0) return this.#take(end);
      if (this.#filled === maxHead) return "too long";
      from = Math.max(0, this.#filled - headEnd.length + 1);
      const read = await this.#conn.read(this.#buffer.subarray(this.#filled));
      if (read === null) return undefined;
      this.#filled += read;
      if (!begun) this.#limit(this.#context.patience.headMs);
      begun = true;
    }
  }

  #take(end: number): string {
    const head = String.fromCharCode(...this.#buffer.subarray(0, end));
    this.#buffer.copyWithin(0, end + headEnd.length, this.#filled);
    this.#filled -= end + headEnd.length;
    // RFC 9112, section 2.2: a server should ignore an empty line before a request.
    return head.replace(/^\r\n/, "");
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Closes the sending half and discards some input, so that the client receives the answer. */
  async #discardRest(): Promise<void> {
    await this.#conn.closeWrite();
    this.#limit(discard.ms);
    for (let left: number = discard.bytes; left > 0;) {
      const read = await this.#conn.read(this.#buffer);
      if (read === null) return;
      left -= read;
    }
  }

  /** Sets the timeout of the connection, which replaces the previous one. */
  #limit(ms: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#context.clock.after(ms, () => this.close());
  }
}

function refusal(status: 400 | 431): PageResponse {
  return { status, headers: plain, body: status === 400 ? "The request cannot be read.\n" : "The head is too long.\n" };
}

function bytesOf({ status, headers, body }: PageResponse, how: { stays: boolean; withBody: boolean }): Uint8Array {
  const content = typeof body === "string" ? utf8(body) : body;
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `date: ${new Date(systemClock.wall()).toUTCString()}`,
    `content-length: ${content.length}`,
    `connection: ${how.stays ? "keep-alive" : "close"}`,
  ];
  const head = utf8(`${lines.join("\r\n")}\r\n\r\n`);
  if (!how.withBody) return head;
  const bytes = new Uint8Array(head.length + content.length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}

/** The offset of the empty line after a head in `bytes` between `from` and `end`; -1 if there is none. */
function indexOf(bytes: Uint8Array, from: number, end: number): number {
  const [cr, lf] = headEnd;
  for (let at = bytes.indexOf(cr ?? 0, from); at >= 0 && at + 3 < end; at = bytes.indexOf(cr ?? 0, at + 1)) {
    if (bytes[at + 1] === lf && bytes[at + 2] === cr && bytes[at + 3] === lf) return at;
  }
  return -1;
}

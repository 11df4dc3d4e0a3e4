/**
 * One connection of an HTTP client: its requests are answered one after the other, and a client that is slow loses it.
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
  /** Lowercase names; the length and the connection's are added. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Milliseconds that a client has. */
export interface HttpPatience {
  /** Between the first byte of a request and the end of its head; a new connection has as long to begin one. */
  readonly headMs: number;
  /** Between an answer and the next request. */
  readonly idleMs: number;
  /** To take an answer. */
  readonly writeMs: number;
}

/** What a connection needs of its server. */
export interface HttpContext {
  /** Answers a request; it may throw. */
  readonly answer: (request: RequestHead) => PageResponse | Promise<PageResponse>;
  /** The answer where `answer` threw. */
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

/** Bytes and milliseconds for a body that is not read: closing at once would discard the answer on its way. */
const discard = { bytes: 65_536, ms: 1000 } as const;

/** A connection that was accepted. */
export class HttpConnection {
  readonly #conn: Deno.Conn;
  readonly #context: HttpContext;
  readonly #buffer = new Uint8Array(maxHead);
  #filled = 0;
  #callOff: (() => void) | undefined;
  #closed = false;
  #answering = false;
  #leaving = false;

  constructor(conn: Deno.Conn, context: HttpContext) {
    this.#conn = conn;
    this.#context = context;
  }

  /** Whether a request is being answered; otherwise closing it loses nothing. */
  get answering(): boolean {
    return this.#answering;
  }

  /** Answers until the client leaves, is too slow, or breaks the protocol. It never rejects. */
  async run(): Promise<void> {
    try {
      this.#limit(this.#context.patience.headMs);
      while (await this.#exchange()) this.#limit(this.#context.patience.idleMs);
    } catch {
      // A connection that was reset, cut off by a limit, or closed: for the server it is all the same.
    } finally {
      this.close();
    }
  }

  /** Lets the request in flight be answered, and ends the connection. */
  leave(): void {
    this.#leaving = true;
    if (!this.#answering) this.close();
  }

  /** Ends it now. */
  close(): void {
    this.#callOff?.();
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  /** One request and its answer; whether another may follow. */
  async #exchange(): Promise<boolean> {
    const head = await this.#readHead();
    if (head === undefined) return false;
    this.#answering = true;
    try {
      // One request a turn: what a client has sent ahead waits.
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

  /** The next head, each byte a character; `undefined` where the client has ended the connection. */
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

  /** Ends our half and reads a little of what still comes, so that the answer arrives. */
  async #discardRest(): Promise<void> {
    await this.#conn.closeWrite();
    this.#limit(discard.ms);
    for (let left: number = discard.bytes; left > 0;) {
      const read = await this.#conn.read(this.#buffer);
      if (read === null) return;
      left -= read;
    }
  }

  /** Closes the connection after so long, in place of the limit before. */
  #limit(ms: number): void {
    this.#callOff?.();
    this.#callOff = this.#context.clock.after(ms, () => this.close());
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

/** Where the end of a head begins in `bytes` between `from` and `end`, or -1. */
function indexOf(bytes: Uint8Array, from: number, end: number): number {
  const [cr, lf] = headEnd;
  for (let at = bytes.indexOf(cr ?? 0, from); at >= 0 && at + 3 < end; at = bytes.indexOf(cr ?? 0, at + 1)) {
    if (bytes[at + 1] === lf && bytes[at + 2] === cr && bytes[at + 3] === lf) return at;
  }
  return -1;
}

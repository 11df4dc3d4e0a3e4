/**
 * A request and its answer, apart from the server that carries them.
 *
 * @module
 */

/** The client at the other end of a connection. */
export interface RequestPeer {
  /** The name of the Unix socket that the client connected to; `admin` for the admin socket. */
  readonly socket?: string;
  /** The client certificate of the TLS connection, DER. The handshake has proven its key and nothing else. */
  readonly certificate?: Uint8Array;
  /** IP address of a TLS connection. */
  readonly address?: string;
}

/** A request. */
export interface IncomingRequest {
  readonly method: string;
  /** The target as the client sent it; see `requestTarget`. */
  readonly target: string;
  readonly peer: RequestPeer;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  /** The value of a header by its name in lowercase. */
  header(name: string): string | undefined;
  /**
   * The whole body.
   *
   * @param maxBytes maximum length in bytes.
   * @throws {KeyringError} `too_large`, or `request_invalid` if the client ended it early.
   */
  body(maxBytes: number): Promise<Uint8Array>;
}

/** An answer. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * A text or bytes are sent with their length. An iterable is sent as it comes, and its iterator returns when the client
   * has gone.
   */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** Answers requests. It never rejects. */
export type AnswerRequest = (request: IncomingRequest) => Promise<ApiAnswer>;

/** An answer with a JSON body. */
export function jsonAnswer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): ApiAnswer {
  return jsonTextAnswer(status, JSON.stringify(body), headers);
}

/** An answer with a body that is JSON text already. */
export function jsonTextAnswer(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): ApiAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}

/**
 * The server side of one HTTP/2 connection (RFC 9113), independent of its socket.
 *
 * It implements the subset that gRPC needs: requests with a body, responses with trailers. It does not push, ignores
 * priorities, and compresses headers without a dynamic table.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { budgets, type Share } from "./budget.ts";
import { ConnectionError, type ErrorName, StreamError } from "./errors.ts";
import { areTrailers, bodyLength, type RequestHeaders, requestHeaders } from "./fields.ts";
import { frameFlags, FrameSplitter, frameTypes, type Http2Frame, settingIds } from "./frames.ts";
import { HeaderBlocks, type Headers } from "./header_blocks.ts";
import { maxHeaderList } from "./hpack.ts";
import * as payloads from "./payloads.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import { type Answer, ServerStream, type StreamHost, type StreamReceiver } from "./stream.ts";
import { lastPossible, maxStreams, StreamTable } from "./stream_table.ts";
import { ReceiveWindow, windows } from "./windows.ts";

/** Called for each new stream with its request headers. @returns the receiver of the body, if one is needed. */
export type OnStream = (stream: ServerStream, headers: RequestHeaders) => StreamReceiver | undefined;

/** Callbacks and limits of a connection. */
export interface ConnectionOptions extends Pick<SenderOptions, "write" | "soon" | "congested"> {
  /** Called for each new request. */
  readonly onStream: OnStream;
  /** Memory budget of the connection. */
  readonly share: Share;
  /** Closes the socket after all written bytes were sent. */
  readonly end: () => void;
  /** Called with an internal error, which also closes the connection. The client did not cause it. */
  readonly onInternalError: (thrown: unknown) => void;
}

/**
 * Maximum number of frames without progress since the last complete response, against floods of cheap frames: PING,
 * SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, GOAWAY, empty DATA and unknown types.
 */
export const maxIdleFrames = 100_000;

/**
 * Payload of the PING sent after the first GOAWAY. Its ACK proves that every frame sent before the client saw the
 * GOAWAY has arrived.
 */
const shutdownPing = Buffer.from("goodbye!", "latin1");

/** One connection. */
export class Connection implements StreamHost {
  readonly #options: ConnectionOptions;
  readonly #splitter = new FrameSplitter();
  readonly #blocks = new HeaderBlocks();
  readonly #sender: Sender;
  readonly #receiveWindow = new ReceiveWindow();
  readonly #streams = new StreamTable();
  #state: "open" | "leaving" | "over" = "open";
  #settingsReceived = false;
  #clientLeaves = false;
  #idleFrames = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { write, soon, congested } = options;
    const onSent = (stream: ServerStream) => this.#complete(stream);
    this.#sender = new Sender({ write, soon, congested, onSent, streams: () => this.#streams.values() });
    this.#sender.frames.settings([
      [settingIds.MAX_CONCURRENT_STREAMS, maxStreams],
      [settingIds.INITIAL_WINDOW_SIZE, windows.stream],
      [settingIds.MAX_HEADER_LIST_SIZE, maxHeaderList],
    ]);
    this.#sender.frames.windowUpdate(0, windows.connection - windows.initial);
  }

  /** Whether a call is in progress whose request is complete. */
  get hasCalls(): boolean {
    for (const { ended } of this.#streams.values()) if (ended) return true;
    return false;
  }

  /** Buffers bytes that were read; {@linkcode turn} processes them. */
  receive(read: Buffer): void {
    if (this.#state !== "over") this.#splitter.add(read);
  }

  /** Called when the socket can be written again. */
  drained(): void {
    this.#sender.retryBlocked();
  }

  /**
   * Processes buffered frames until `isOver()` returns true. It does not throw: an error resets its stream or closes
   * the connection.
   *
   * @returns whether work is left that can be done now.
   */
  turn(isOver: () => boolean): boolean {
    try {
      while (this.#step()) {
        if (isOver()) return true;
      }
    } catch (thrown) {
      if (thrown instanceof ConnectionError) this.#end(thrown.code, thrown.message);
      else {
        this.#end("INTERNAL_ERROR");
        this.#options.onInternalError(thrown);
      }
    }
    return false;
  }

  /** Called when the socket was closed. */
  lost(): void {
    this.#state = "over";
    this.#abandonAll();
  }

  /**
   * Starts a graceful shutdown: calls that the client sent before it received the GOAWAY are answered, then the
   * connection ends. Two GOAWAYs with a PING between them ensure that no call in transit is lost (RFC 9113, section
   * 6.8).
   */
  shutDown(): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    if (!this.#settingsReceived) return this.#end("NO_ERROR");
    this.#sender.frames.goAway(lastPossible, "NO_ERROR");
    this.#sender.frames.frame("PING", 0, 0, shutdownPing);
  }

  /** Refuses new streams during a shutdown: after the ACK of the PING, or if it takes too long. */
  refuseNewStreams(): void {
    if (this.#state !== "leaving" || !this.#streams.acceptsNew) return;
    this.#streams.refuseNew();
    this.#sender.frames.goAway(this.#streams.lastServed, "NO_ERROR");
    this.#endIfDone();
  }

  /** Cancels all open streams and closes the connection. */
  abort(): void {
    if (this.#state === "over") return;
    for (const { id } of this.#streams.all()) this.#sender.frames.resetStream(id, "CANCEL");
    this.#end("NO_ERROR");
  }

  answer(stream: ServerStream, answer: Answer): void {
    this.#sender.frames.headers(stream.id, answer.head, false);
    stream.sending = { answer, at: 0 };
    this.#sender.send(stream);
    if (!this.#sender.waits(stream) || this.#options.share.take(answer.body.length)) {
      stream.held += stream.closed ? 0 : answer.body.length;
    } else this.#handleStreamError(new StreamError("ENHANCE_YOUR_CALM", stream.id, "Too much waits for the client."));
  }

  finish(stream: ServerStream, head: Uint8Array): void {
    this.#sender.frames.headers(stream.id, head, true);
    this.#complete(stream);
  }

  /**
   * Sends the next part of one blocked stream, and processes one frame. No frame is processed while the client does not
   * read.
   *
   * @returns whether there was anything to do.
   */
  #step(): boolean {
    // An error or GOAWAY in an earlier frame of the same read can have closed the connection.
    if (this.#state === "over") return false;
    const sent = this.#sender.continueOne();
    const frame = this.#options.congested() ? undefined : this.#splitter.next();
    if (frame !== undefined) this.#take(frame);
    return sent || frame !== undefined;
  }

  #take(frame: Http2Frame): void {
    if (!this.#settingsReceived && frame.type !== frameTypes.SETTINGS) {
      throw new ConnectionError("PROTOCOL_ERROR", "The first frame is not SETTINGS.");
    }
    this.#settingsReceived = true;
    this.#blocks.check(frame);
    if (isIdle(frame) && ++this.#idleFrames > maxIdleFrames) {
      throw new ConnectionError("ENHANCE_YOUR_CALM", "Too many frames came that further no call.");
    }
    try {
      this.#read(frame);
    } catch (thrown) {
      if (!(thrown instanceof StreamError)) throw thrown;
      this.#handleStreamError(thrown);
    }
  }

  #read(frame: Http2Frame): void {
    switch (frame.type) {
      case frameTypes.DATA:
        return this.#data(frame);
      case frameTypes.HEADERS:
      case frameTypes.CONTINUATION:
        return this.#headers(this.#blocks.add(frame));
      case frameTypes.PRIORITY:
        return payloads.checkPriority(frame);
      case frameTypes.RST_STREAM:
        return this.#resetByClient(frame);
      case frameTypes.SETTINGS:
        return this.#settings(frame);
      case frameTypes.PUSH_PROMISE:
        throw new ConnectionError("PROTOCOL_ERROR", "A client cannot push.");
      case frameTypes.PING:
        return this.#ping(frame);
      case frameTypes.GOAWAY:
        payloads.checkGoAway(frame);
        this.#clientLeaves = true;
        return this.#endIfDone();
      case frameTypes.WINDOW_UPDATE:
        return this.#windowUpdate(frame);
    }
  }

  #data(frame: Http2Frame): void {
    const { from, to } = payloads.bodyPart(frame);
    const increment = this.#receiveWindow.take(frame.to - frame.from);
    if (increment > 0) this.#sender.frames.windowUpdate(0, increment);
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined || stream.ended) return this.#streams.ignoreOrReject(frame.stream);
    stream.receivedWithPadding += frame.to - frame.from;
    stream.received += to - from;
    // Padding counts for flow control (RFC 9113, section 6.9.1) but not for `content-length`.
    if (stream.receivedWithPadding > windows.stream) {
      throw new StreamError("FLOW_CONTROL_ERROR", stream.id, "It sends too much.");
    }
    const held = to > from ? stream.receiver?.data(frame.bytes.subarray(from, to)) : 0;
    if (typeof held === "number" && held > 0) this.#hold(stream, held);
    // The receiver can have answered and thus closed the stream.
    if ((frame.flags & frameFlags.END_STREAM) !== 0 && !stream.closed) this.#ended(stream);
  }

  /**
   * Counts bytes as held for the stream.
   *
   * @throws {StreamError} `ENHANCE_YOUR_CALM` if the budget of the connection is exceeded.
   */
  #hold(stream: ServerStream, bytes: number): void {
    if (stream.closed) return;
    if (!this.#options.share.take(bytes)) {
      throw new StreamError("ENHANCE_YOUR_CALM", stream.id, "Too much is held for the client.");
    }
    stream.held += bytes;
  }

  #ended(stream: ServerStream): void {
    stream.ended = true;
    if (stream.contentLength !== undefined && stream.contentLength !== stream.received) throw malformed(stream.id);
    stream.receiver?.end();
  }

  #headers(headers: Headers | undefined): void {
    if (headers === undefined) return;
    const { stream: id, fields, endStream, dependsOnItself } = headers;
    const open = this.#streams.get(id);
    if (open === undefined) return this.#begin(headers);
    if (open.ended) throw new StreamError("STREAM_CLOSED", id, "The stream is closed already.");
    if (dependsOnItself || !endStream || !areTrailers(fields)) throw malformed(id);
    this.#ended(open);
  }

  #begin({ stream: id, fields, endStream, dependsOnItself }: Headers): void {
    if (!this.#streams.admit(id)) return;
    const request = requestHeaders(fields);
    const expected = request && bodyLength(request);
    if (request === undefined || Number.isNaN(expected) || dependsOnItself) throw malformed(id);
    if (!this.#options.share.take(budgets.stream)) {
      // The request was not processed; REFUSED_STREAM permits the client to retry it (RFC 9113, section 8.7).
      throw new StreamError("REFUSED_STREAM", id, "Too much is held for the client.");
    }
    const stream = new ServerStream(this, id);
    stream.held = budgets.stream;
    stream.contentLength = expected;
    stream.ended = endStream;
    this.#streams.add(stream);
    stream.receiver = this.#options.onStream(stream, request);
    if (endStream && !stream.closed) this.#ended(stream);
  }

  #resetByClient(frame: Http2Frame): void {
    payloads.checkReset(frame);
    this.#streams.requireBegun(frame.stream);
    const stream = this.#streams.get(frame.stream);
    if (stream !== undefined) this.#abandon(stream);
  }

  #settings(frame: Http2Frame): void {
    const settings = payloads.settingsIn(frame);
    if ((frame.flags & frameFlags.ACK) !== 0) return;
    const window = settings.get(settingIds.INITIAL_WINDOW_SIZE);
    if (window !== undefined) this.#sender.resize(window);
    this.#sender.maxPayload = settings.get(settingIds.MAX_FRAME_SIZE) ?? this.#sender.maxPayload;
    // The ACK precedes everything that the new settings permit (RFC 9113, section 6.5.3).
    this.#sender.frames.frame("SETTINGS", frameFlags.ACK, 0, new Uint8Array(0));
  }

  #ping(frame: Http2Frame): void {
    payloads.checkPing(frame);
    const payload = frame.bytes.subarray(frame.from, frame.to);
    if ((frame.flags & frameFlags.ACK) === 0) this.#sender.frames.frame("PING", frameFlags.ACK, 0, payload);
    else if (payload.equals(shutdownPing)) this.refuseNewStreams();
  }

  #windowUpdate(frame: Http2Frame): void {
    if (frame.stream !== 0) this.#streams.requireBegun(frame.stream);
    const increment = payloads.incrementIn(frame);
    if (frame.stream === 0) return this.#sender.open(increment);
    const stream = this.#streams.get(frame.stream);
    if (stream !== undefined) this.#sender.openStream(stream, increment);
  }

  #handleStreamError({ code, stream: id }: StreamError): void {
    this.#sender.frames.resetStream(id, code);
    // A closed stream is remembered already or needs no entry; a new one could displace another stream.
    if (code !== "STREAM_CLOSED") this.#streams.rememberReset(id);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#abandon(stream);
  }

  /** Called after the whole response was written. */
  #complete(stream: ServerStream): void {
    this.#idleFrames = 0;
    if (!stream.ended) {
      this.#sender.frames.resetStream(stream.id, "NO_ERROR");
      this.#streams.rememberReset(stream.id);
    }
    this.#forget(stream);
  }

  #abandon(stream: ServerStream): void {
    const { onClosed: onGone } = stream;
    this.#forget(stream);
    onGone?.();
  }

  #abandonAll(): void {
    for (const stream of this.#streams.all()) this.#abandon(stream);
  }

  #forget(stream: ServerStream): void {
    this.#streams.delete(stream);
    this.#sender.forget(stream);
    this.#options.share.credit(stream.held);
    stream.held = 0;
    stream.close();
    this.#endIfDone();
  }

  #endIfDone(): void {
    const isLeft = this.#clientLeaves || !this.#streams.acceptsNew;
    if (this.#state !== "over" && isLeft && this.#streams.size === 0) this.#end();
  }

  /**
   * Closes the connection.
   *
   * @param code sent in a GOAWAY; without it no GOAWAY is sent
   * @param why debug data of the GOAWAY
   */
  #end(code?: ErrorName, why?: string): void {
    this.#state = "over";
    this.#abandonAll();
    if (code !== undefined) this.#sender.frames.goAway(this.#streams.lastServed, code, why);
    this.#sender.flush();
    this.#options.end();
  }
}

/**
 * Whether a frame makes no progress. HEADERS and DATA do; the limits on open streams and body sizes bound their number.
 */
function isIdle({ type, flags, from, to }: Http2Frame): boolean {
  if (type === frameTypes.DATA) return from === to && (flags & frameFlags.END_STREAM) === 0;
  return type !== frameTypes.HEADERS && type !== frameTypes.CONTINUATION;
}

/** The error for a malformed request (RFC 9113, section 8.1.1). */
function malformed(stream: number): StreamError {
  return new StreamError("PROTOCOL_ERROR", stream, "The request is malformed.");
}

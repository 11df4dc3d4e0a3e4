/**
 * The server's side of one HTTP/2 connection (RFC 9113), without the socket that it runs over: bytes come and bytes go.
 *
 * It does what gRPC's calls need and no more: a request with a body, an answer with trailers. Nothing is pushed, no
 * priority is heeded, what is sent is compressed without state.
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

/** Handed each stream with the headers that it began with; what it returns is told of the body. */
export type OnStream = (stream: ServerStream, headers: RequestHeaders) => StreamReceiver | undefined;

/** What a connection needs of the world. */
export interface ConnectionOptions extends Pick<SenderOptions, "write" | "soon" | "congested"> {
  readonly onStream: OnStream;
  /** What the connection may hold in memory. */
  readonly share: Share;
  /** Ends the connection once all that was written has been sent. */
  readonly end: () => void;
  /** Told of what is no client's fault: a mistake of ours, for which the connection is ended too. */
  readonly onBug: (thrown: unknown) => void;
}

/**
 * Frames that further no call (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, empty DATA, unknown types) which a
 * client may send without one of its calls being answered.
 */
export const maxIdleFrames = 100_000;

/** Goes with the first goodbye: when it comes back, all has come that the client sent before it knew. */
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

  /** Whether a call is under way whose request has come in whole. */
  get hasCalls(): boolean {
    for (const { ended } of this.#streams.values()) if (ended) return true;
    return false;
  }

  /** Takes what was read; {@linkcode turn} deals with it. */
  receive(read: Buffer): void {
    if (this.#state !== "over") this.#splitter.add(read);
  }

  /** The client has read what waited for it. */
  drained(): void {
    this.#sender.mayGoOn();
  }

  /**
   * Deals with what has come, frame by frame, until `isOver` says so. It never throws: a fault ends the stream or the
   * connection that it is on.
   *
   * @returns whether something is left that can be done now.
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
        this.#options.onBug(thrown);
      }
    }
    return false;
  }

  /** The client has gone. */
  lost(): void {
    this.#state = "over";
    this.#abandonAll();
  }

  /**
   * Says goodbye: calls made before the client hears of it are answered, and then the connection ends. Two GOAWAYs with
   * a PING between them, so that no call is lost that is under way (RFC 9113, section 6.8).
   */
  leave(): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    if (!this.#settingsReceived) return this.#end("NO_ERROR");
    this.#sender.frames.goAway(lastPossible, "NO_ERROR");
    this.#sender.frames.frame("PING", 0, 0, shutdownPing);
  }

  /** Takes no stream more, on a connection that leaves: its client has heard of it, or takes too long to. */
  takeNoMore(): void {
    if (this.#state !== "leaving" || !this.#streams.takesMore) return;
    this.#streams.takeNoMore();
    this.#sender.frames.goAway(this.#streams.lastServed, "NO_ERROR");
    this.#endIfDone();
  }

  /** Breaks off all that is under way, and ends. */
  cutOff(): void {
    if (this.#state === "over") return;
    for (const { id } of this.#streams.all()) this.#sender.frames.resetStream(id, "CANCEL");
    this.#end("NO_ERROR");
  }

  answer(stream: ServerStream, answer: Answer): void {
    this.#sender.frames.headers(stream.id, answer.head, false);
    stream.sending = { answer, at: 0 };
    this.#sender.send(stream);
    if (!this.#sender.waits(stream) || this.#options.share.take(answer.body.length)) {
      stream.held += stream.gone ? 0 : answer.body.length;
    } else this.#streamFault(new StreamError("ENHANCE_YOUR_CALM", stream.id, "Too much waits for the client."));
  }

  finish(stream: ServerStream, head: Uint8Array): void {
    this.#sender.frames.headers(stream.id, head, true);
    this.#complete(stream);
  }

  /** One frame, or what a stream can send now. Nothing is read on behalf of a client that does not read. */
  #step(): boolean {
    // A fault of an earlier frame of this read, or its goodbye, may have ended it all.
    if (this.#state === "over") return false;
    const sent = this.#sender.goOn();
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
      this.#streamFault(thrown);
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
    const told = this.#receiveWindow.take(frame.to - frame.from);
    if (told > 0) this.#sender.frames.windowUpdate(0, told);
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined || stream.ended) return this.#streams.ignoreOrReject(frame.stream);
    stream.came += frame.to - frame.from;
    stream.received += to - from;
    // Padding counts for the window, if not for the length.
    if (stream.came > windows.stream) throw new StreamError("FLOW_CONTROL_ERROR", stream.id, "It sends too much.");
    const held = to > from ? stream.receiver?.data(frame.bytes.subarray(from, to)) : 0;
    if (typeof held === "number" && held > 0) this.#hold(stream, held);
    // Its receiver may have refused it by now.
    if ((frame.flags & frameFlags.END_STREAM) !== 0 && !stream.gone) this.#ended(stream);
  }

  /** @throws {StreamError} `ENHANCE_YOUR_CALM` if more is held for the client than its budget allows. */
  #hold(stream: ServerStream, bytes: number): void {
    if (stream.gone) return;
    if (!this.#options.share.take(bytes)) {
      throw new StreamError("ENHANCE_YOUR_CALM", stream.id, "Too much is held for the client.");
    }
    stream.held += bytes;
  }

  #ended(stream: ServerStream): void {
    stream.ended = true;
    if (stream.expected !== undefined && stream.expected !== stream.received) throw malformed(stream.id);
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
      // Nothing was done for it, so that its client may try again (RFC 9113, section 8.7).
      throw new StreamError("REFUSED_STREAM", id, "Too much is held for the client.");
    }
    const stream = new ServerStream(this, id);
    stream.held = budgets.stream;
    stream.expected = expected;
    stream.ended = endStream;
    this.#streams.add(stream);
    stream.receiver = this.#options.onStream(stream, request);
    if (endStream && !stream.gone) this.#ended(stream);
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
    // They are acknowledged before anything is sent that they allow (RFC 9113, section 6.5.3).
    this.#sender.frames.frame("SETTINGS", frameFlags.ACK, 0, new Uint8Array(0));
  }

  #ping(frame: Http2Frame): void {
    payloads.checkPing(frame);
    const payload = frame.bytes.subarray(frame.from, frame.to);
    if ((frame.flags & frameFlags.ACK) === 0) this.#sender.frames.frame("PING", frameFlags.ACK, 0, payload);
    else if (payload.equals(shutdownPing)) this.takeNoMore();
  }

  #windowUpdate(frame: Http2Frame): void {
    if (frame.stream !== 0) this.#streams.requireBegun(frame.stream);
    const increment = payloads.incrementIn(frame);
    if (frame.stream === 0) return this.#sender.open(increment);
    const stream = this.#streams.get(frame.stream);
    if (stream !== undefined) this.#sender.openStream(stream, increment);
  }

  #streamFault({ code, stream: id }: StreamError): void {
    this.#sender.frames.resetStream(id, code);
    // What is closed already need not be remembered again, in the place of another one.
    if (code !== "STREAM_CLOSED") this.#streams.rememberReset(id);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#abandon(stream);
  }

  /** The whole answer has been written. */
  #complete(stream: ServerStream): void {
    this.#idleFrames = 0;
    if (!stream.ended) {
      this.#sender.frames.resetStream(stream.id, "NO_ERROR");
      this.#streams.rememberReset(stream.id);
    }
    this.#forget(stream);
  }

  #abandon(stream: ServerStream): void {
    const { onGone } = stream;
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
    stream.leave();
    this.#endIfDone();
  }

  #endIfDone(): void {
    const isLeft = this.#clientLeaves || !this.#streams.takesMore;
    if (this.#state !== "over" && isLeft && this.#streams.size === 0) this.#end();
  }

  /** @param code is said with a GOAWAY, if there is one. */
  #end(code?: ErrorName, why?: string): void {
    this.#state = "over";
    this.#abandonAll();
    if (code !== undefined) this.#sender.frames.goAway(this.#streams.lastServed, code, why);
    this.#sender.flush();
    this.#options.end();
  }
}

/** Whether a frame furthers no call. Headers and bodies do; their number is bounded by what may be open and come. */
function isIdle({ type, flags, from, to }: Http2Frame): boolean {
  if (type === frameTypes.DATA) return from === to && (flags & frameFlags.END_STREAM) === 0;
  return type !== frameTypes.HEADERS && type !== frameTypes.CONTINUATION;
}

/** RFC 9113, section 8.1.1. */
function malformed(stream: number): StreamError {
  return new StreamError("PROTOCOL_ERROR", stream, "The request is malformed.");
}

/**
 * A connection of the HTTP/2 server with a client that writes and reads frames.
 *
 * @module
 */
import { fail, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Pool, Share } from "../../lib/net/http2/budget.ts";
import { Connection, type OnStream } from "../../lib/net/http2/connection.ts";
import { http2ErrorCodes } from "../../lib/net/http2/errors.ts";
import {
  frameFlags,
  FrameSplitter,
  frameTypes,
  FrameWriter,
  type Http2Frame,
  preface,
} from "../../lib/net/http2/frames.ts";
import { headerBlock } from "../../lib/net/http2/hpack.ts";
import type { ServerStream } from "../../lib/net/http2/stream.ts";

export const { END_STREAM, END_HEADERS, ACK } = frameFlags;

export const request = headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/a"], ["te", "trailers"]]);

export const reply = {
  head: headerBlock([[":status", "200"]]),
  body: Buffer.from("pong"),
  trailers: headerBlock([["x", "y"]]),
};

export const nothing = new Uint8Array(0);

const onInternalError = (thrown: unknown) => fail(String(thrown));

/** A frame as text: its type, its stream and its relevant content. */
function inWords({ type, flags, stream, bytes, from, to }: Http2Frame): string {
  const [name = `type ${type}`] = Object.entries(frameTypes).find(([, one]) => one === type) ?? [];
  const payload = bytes.subarray(from, to);
  const code = (at: number) => Object.entries(http2ErrorCodes).find(([, one]) => one === payload.readUInt32BE(at))?.[0];
  const end = (flags & END_STREAM) !== 0;
  switch (name) {
    case "DATA":
      return `DATA ${stream} ${payload.toString("latin1").slice(0, 20)}${end ? " end" : ""}`;
    case "HEADERS":
      return `HEADERS ${stream}${end ? " end" : ""}`;
    case "RST_STREAM":
      return `RST_STREAM ${stream} ${code(0)}`;
    case "GOAWAY":
      return `GOAWAY ${payload.readUInt32BE(0)} ${code(4)}`;
    case "WINDOW_UPDATE":
      return `WINDOW_UPDATE ${stream} ${payload.readUInt32BE(0)}`;
    default:
      return name + ((flags & ACK) !== 0 && name !== "CONTINUATION" ? " ack" : "");
  }
}

export function wordsOf(splitter: FrameSplitter): string[] {
  const words: string[] = [];
  for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) words.push(inWords(frame));
  return words;
}

export const options = {
  onStream: () => undefined,
  write() {},
  end() {},
  soon() {},
  onInternalError,
  congested: () => false,
  share: new Share(new Pool()),
};

/** A connection, and a client that writes frames by hand. */
export class Wire {
  readonly streams: ServerStream[] = [];
  /** Calls of the receivers. */
  readonly events: string[] = [];
  readonly client: FrameWriter = new FrameWriter(() => {});
  readonly connection: Connection;
  readonly bugs: unknown[] = [];
  readonly share: Share;
  ended = false;
  congested = false;
  #work: (() => void)[] = [];
  readonly #splitter = new FrameSplitter();

  constructor(onStream?: OnStream, pool = new Pool()) {
    this.share = new Share(pool);
    // A server sends no preface.
    this.#splitter.add(Buffer.from(preface));
    this.connection = new Connection({
      onStream: (stream, headers) => {
        this.streams.push(stream);
        this.events.push(`${stream.id} ${headers.method} ${headers.path}`);
        stream.onClosed = () => this.events.push(`${stream.id} gone`);
        return onStream?.(stream, headers) ?? {
          data: (piece) => {
            this.events.push(`${stream.id} ${piece.toString("latin1").slice(0, 20)}`);
            return piece.length;
          },
          end: () => this.events.push(`${stream.id} end`),
        };
      },
      write: (bytes) => this.#splitter.add(bytes),
      end: () => this.ended = true,
      soon: (work) => this.#work.push(work),
      onInternalError: (thrown) => this.bugs.push(thrown),
      share: this.share,
      congested: () => this.congested,
    });
    this.connection.receive(Buffer.from(preface));
    this.client.settings([]);
    this.say();
    this.received();
  }

  /** Delivers the frames that the client has written. */
  say(): void {
    this.read(this.client.take() ?? Buffer.alloc(0));
  }

  /** Processes bytes in one turn that no limit ends. */
  read(bytes: Buffer): void {
    this.connection.receive(bytes);
    ok(!this.connection.turn(() => false));
  }

  /** Writes and delivers one frame. */
  frame(type: keyof typeof frameTypes, flags: number, stream: number, payload: Uint8Array = nothing): void {
    this.client.frame(type, flags, stream, payload);
    this.say();
  }

  /** Sends a request without a body, or with one. */
  call(stream: number, body?: string): void {
    this.client.frame("HEADERS", END_HEADERS | (body === undefined ? END_STREAM : 0), stream, request);
    if (body !== undefined) this.client.frame("DATA", END_STREAM, stream, Buffer.from(body));
    this.say();
  }

  /** Frames that the server has sent since the last call. */
  received(): string[] {
    for (const work of this.#work.splice(0)) work();
    return wordsOf(this.#splitter);
  }
}

/**
 * A server on the runtime's HTTP/2 for h2spec, in a process of its own: `h2spec_server.ts SOCKET`. It prints its port.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { headerBlock } from "../../lib/net/http2/hpack.ts";
import { bridge } from "../support/tcp_bridge.ts";
import { Http2Listener } from "./listener.ts";

const answer = {
  head: headerBlock([[":status", "200"]]),
  body: Buffer.from("answered in full"),
  trailers: headerBlock([["grpc-status", "0"]]),
};

const [path = ""] = Deno.args;
const listener = new Http2Listener((stream) => ({ data() {}, end: () => stream.answer(answer) }), () => {});
await listener.listen(path);
const { port } = await bridge(path);
await Deno.stdout.write(new TextEncoder().encode(`${port}\n`));

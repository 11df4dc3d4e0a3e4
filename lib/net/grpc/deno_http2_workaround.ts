/**
 * A workaround for Deno's HTTP/2 client: it closes a session only after the current read has finished.
 *
 * @module
 */
import http2, { type Http2Session } from "node:http2";

/**
 * Applies {@linkcode endSessionLate} to every client session of this process, because a server that stops sends GOAWAY, which
 * closes the session. Further calls have no effect.
 */
export function closeClientsLate(): void {
  const { connect } = http2;
  if (late in connect) return;
  // grpc-js calls `connect` of the module and does not expose its sessions.
  const connectLate = (...args: Parameters<typeof connect>) => {
    const session = connect(...args);
    endSessionLate(session);
    return session;
  };
  Reflect.set(http2, "connect", Object.assign(connectLate, { [late]: true }));
}

const late = Symbol("ends its sessions late");

/**
 * Delays `close` and `destroy` of one session by a microtask.
 *
 * In tests under load, Deno 2.9's HTTP/2 ended the process by SIGSEGV or by an assertion of nghttp2. With this delay it
 * did not. This is one of the reasons why the server uses `lib/net/http2`.
 */
export function endSessionLate(session: Pick<Http2Session, "close" | "closed" | "destroy">): void {
  const { close, destroy } = session;
  session.close = (callback) =>
    queueMicrotask(() => {
      // A second `close` never calls its callback. Without the delay, the caller would see `closed` and not call it.
      if (session.closed) callback?.();
      else close.call(session, callback);
    });
  session.destroy = (...args) => queueMicrotask(() => destroy.apply(session, args));
}

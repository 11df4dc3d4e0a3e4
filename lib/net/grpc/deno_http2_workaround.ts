/**
 * Keeps an HTTP/2 session alive until the runtime has finished reading from it.
 *
 * @module
 */
import http2, { type Http2Session } from "node:http2";

/**
 * As {@linkcode endLate}, for every client session of this process: a plugin that stops says goodbye to its clients.
 * It may be called again and again.
 */
export function closeClientsLate(): void {
  const { connect } = http2;
  if (late in connect) return;
  // grpc-js calls `connect` by way of the module, and hands out no session.
  const connectLate = (...args: Parameters<typeof connect>) => {
    const session = connect(...args);
    endLate(session);
    return session;
  };
  Reflect.set(http2, "connect", Object.assign(connectLate, { [late]: true }));
}

const late = Symbol("ends its sessions late");

/**
 * Lets `close` and `destroy` of one session return before they do anything.
 *
 * In tests under load, the HTTP/2 of Deno 2.9 ended the process by SIGSEGV or by an assertion of nghttp2; with this delay
 * it has not. Our own server stands on `lib/net/http2` for that reason among others.
 */
export function endLate(session: Pick<Http2Session, "close" | "closed" | "destroy">): void {
  const { close, destroy } = session;
  session.close = (callback) =>
    queueMicrotask(() => {
      // Whoever asks a second time would never be answered; without the delay he would see `closed` and not ask.
      if (session.closed) callback?.();
      else close.call(session, callback);
    });
  session.destroy = (...args) => queueMicrotask(() => destroy.apply(session, args));
}

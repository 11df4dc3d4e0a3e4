/**
 * Servers of `node:http` and `node:https` with limits, and their end. The accept loop of Deno 2.9's servers ends when
 * the process has no descriptor left, and reports nothing; so an address can be bound again by a new server while the
 * connections of the old one stay.
 *
 * @module
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { areFree } from "../../../telemetry/descriptors.ts";
import type { Clock } from "../../../base/clock.ts";
import type { NodeRequestListener } from "./node_bridge.ts";

/** Limits of a listener. */
export interface ConnectionLimits {
  /** Maximum number of connections. */
  readonly connections: number;
  /** Milliseconds from the begin of a connection or request to the end of its head. */
  readonly headMs: number;
  /** Milliseconds from the begin of a request to the end of its body. */
  readonly requestMs: number;
  /** Milliseconds for which a connection may be idle. */
  readonly idleMs: number;
}

/** Limits unless the caller sets others. */
export const connectionLimits: ConnectionLimits = {
  connections: 512,
  headMs: 10_000,
  requestMs: 120_000,
  idleMs: 75_000,
};

/** Options of `createServer` by the limits. The heads of a request have at most 16 KiB. */
export function serverOptions(limits: ConnectionLimits) {
  return {
    maxHeaderSize: 16_384,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headMs),
  };
}

/** Connections that are allowed whatever the number of free descriptors. */
const alwaysAllowed = 16;

/** Descriptors that are kept free for the store, the audit and the KMS. */
const reserved = 16;

/** A server that listens. */
export interface BoundServer {
  /** Stops listening; the connections stay. */
  close(): void;
}

/** All servers of one address, of which the newest one listens. */
export class NodeServers {
  readonly #create: (listener: (...args: Parameters<NodeRequestListener>) => void) => Server;
  readonly #listener: NodeRequestListener;
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  #answering = 0;
  #stopping = false;

  constructor(
    create: (listener: (...args: Parameters<NodeRequestListener>) => void) => Server,
    listener: NodeRequestListener,
    limits: ConnectionLimits,
    clock: Clock,
  ) {
    this.#create = create;
    this.#listener = listener;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** The servers that have not ended. */
  get all(): Iterable<Server> {
    return this.#servers;
  }

  /** Binds a new server. @throws the error of the system. */
  async listen(address: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<
    BoundServer & { readonly server: Server }
  > {
    const server = this.#create((request, response) => {
      if (this.#stopping) response.setHeader("connection", "close");
      this.#answering++;
      void this.#listener(request, response).finally(() => this.#answering--);
    });
    server.maxConnections = this.#limits.connections;
    server.on("connection", (socket: Socket) => this.#admit(socket));
    // A request of another protocol ends the connection without an answer.
    server.on("clientError", (_error, socket) => socket.destroy());
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ ...address, backlog: 511 }, () => {
        server.removeListener("error", reject);
        server.on("error", () => {});
        resolve();
      });
    });
    this.#servers.add(server);
    server.once("close", () => this.#servers.delete(server));
    return { server, close: () => void server.close() };
  }

  /** Stops listening, waits at most `ms` milliseconds for the answers in progress, and ends all connections. */
  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    for (const server of this.#servers) {
      server.close();
      server.closeIdleConnections();
    }
    const until = this.#clock.now() + ms;
    while (this.#answering > 0 && this.#clock.now() < until) {
      await new Promise<void>((resolve) => this.#clock.after(5, resolve));
    }
    for (const server of this.#servers) server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
  }

  #admit(socket: Socket): void {
    if (this.#stopping || (this.#sockets.size >= alwaysAllowed && !areFree(reserved))) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
  }
}

/**
 * The keyring as a row of the table of services.
 *
 * @module
 */
import { KeyringError } from "../api/keyring/problems.ts";
import { systemClock } from "../base/clock.ts";
import { type ErrorCode, KmsError } from "../base/errors.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Config } from "../config/config.ts";
import { socketEndpoint } from "../config/socket_path.ts";
import type { SocketServer } from "../net/socket/serve.ts";
import type { SocketOptions } from "../net/socket/socket.ts";
import { canServe, type PartHealth } from "../services/keyring/http/health.ts";
import { type ApiListener, openUnixListener } from "../services/keyring/http/unix_listener.ts";
import { adminSocketName } from "../services/keyring/identity/authenticator.ts";
import { aligned, pageText, type ServicePages } from "../telemetry/pages.ts";
import { openLogins } from "./keyring_parts.ts";
import { KeyringProcess } from "./keyring_process.ts";
import { keyringOwnConfig, openKeyringStore } from "./keyring_store.ts";
import type { OpenService, OpenServiceOptions } from "./service.ts";

const never = new AbortController().signal;

/** Opens the keyring. It waits for no KMS. @throws {KmsError} `config` */
export async function openKeyringService({ config, notify, credentials }: OpenServiceOptions): Promise<OpenService> {
  await using opened = new ResourceStack();
  const own = keyringOwnConfig(config);
  const { keyring } = own;
  const { store, group } = opened.use(
    await orConfigError(openKeyringStore(own, { create: true, notify, credentials, signal: never })),
  );
  const logins = opened.use(await openLogins(keyring.issuers, notify));
  const server = opened.use(new KeyringProcess({ config: own, store, group, logins, credentials, notify }));
  const kept = opened.move();
  return {
    pages: keyringPages(server),
    served: `on ${socketEndpoint(keyring.adminSocket.path)}`,
    // A store has one server: an upgrade is a restart.
    takeover: () => Promise.resolve("a keyring has one server for a store; stop it first"),
    serve: async (options) => {
      const serving = await serveSockets(server, own, options);
      server.start();
      return serving;
    },
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** Waits for the store; a failure at the start is one of the configuration, unless a later start may succeed. */
async function orConfigError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (thrown instanceof KeyringError) throw new KmsError(startCodeOf(thrown), thrown.message, { cause: thrown });
    throw thrown;
  }
}

/** Another process has the store, or etcd does not answer: nothing is wrong with the configuration. */
function startCodeOf({ details: { cause, retryAfterSeconds } }: KeyringError): ErrorCode {
  if (retryAfterSeconds !== undefined) return "unreachable";
  const code = cause instanceof KmsError ? cause.code : "config";
  return passing.has(code) ? code : "config";
}

const passing: ReadonlySet<ErrorCode> = new Set(["unreachable", "deadline_exceeded", "throttled"]);

async function serveSockets(server: KeyringProcess, config: Config, options: SocketOptions): Promise<SocketServer> {
  await using opened = new ResourceStack();
  const { keyring: { sockets } } = config;
  const open = (place: Pick<SocketOptions, "path" | "mode" | "owner" | "group">, socket: string) =>
    openUnixListener({
      path: place.path,
      mode: place.mode,
      owner: place.owner,
      group: place.group,
      socket,
      answer: server.answer,
      clock: systemClock,
      notify: options.notify,
      ...(socket === adminSocketName ? { lock: options.lock } : {}),
    });
  const admin = opened.use(await open(options, adminSocketName));
  const others: ApiListener[] = [];
  for (const { name, socket } of sockets) others.push(opened.use(await open(socket, name)));
  const kept = opened.move();
  let down: Promise<void> | undefined;
  const shutdown = (ms: number) =>
    down ??= Promise.all([server.drain(ms), ...[admin, ...others].map((listener) => listener.close(ms))])
      .then(() => kept[Symbol.asyncDispose]());
  return {
    path: admin.address,
    takenOver: admin.takenOver,
    complaint: () =>
      [admin, ...others].map((listener) => listener.complaint()).find((text) => text !== "") ?? server.complaint(),
    shutdown,
    [Symbol.asyncDispose]: () => shutdown(0),
  };
}

/** The pages of the HTTP endpoint: parts and states, and the gauges of the providers. */
function keyringPages(server: KeyringProcess): ServicePages {
  return {
    page() {
      const parts = server.health();
      const ready = server.isOpen && canServe(parts);
      return {
        ready,
        document: () => ({ ready, parts: parts.map(partDocument) }),
        text: () =>
          pageText([
            ready ? "ready" : "not ready",
            "",
            ...aligned([
              ["PART", "STATE", "WHY"],
              ...parts.map(({ name, state, reason = "" }) => [name, state, reason]),
            ]),
          ]),
      };
    },
    gauges: () => server.gauges(),
  };
}

function partDocument({ name, state, reason = "" }: PartHealth) {
  return { name, state, reason };
}

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { dirname, join } from "node:path";
import { makeFifo } from "../../../tests/support/fifo.ts";
import { inspectLock } from "./socket_lock.ts";
import type { Event } from "../../telemetry/events.ts";
import { dialKms } from "../../api/kms/client.ts";
import { type KmsHandlers, kmsServer } from "../../api/kms/server.ts";
import { serveOnSocket, type SocketServer } from "./serve.ts";
import { holdSocket, type SocketOptions, type Takeover } from "./socket.ts";

const never = new AbortController().signal;
const fromAny: Takeover = () => Promise.resolve(undefined);

function handlersOf(keyId: string): KmsHandlers {
  return {
    v2: {
      Status: () => ({ version: "v2", healthz: "ok", key_id: keyId }),
      Encrypt: () => ({ ciphertext: new Uint8Array(1), key_id: keyId, annotations: {} }),
      Decrypt: () => ({ plaintext: new Uint8Array(1) }),
    },
  };
}

/** A folder for each test. Everything that was served there is shut down at its end. */
class Place implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync();
  readonly path = join(this.folder, "run", "kms.sock");
  readonly events: Event[] = [];
  readonly #servers: SocketServer[] = [];

  async serve(keyId: string, options: Partial<SocketOptions> = {}): Promise<SocketServer> {
    const server = await serveOnSocket(kmsServer(handlersOf(keyId)), { ...this.options(), ...options });
    this.#servers.push(server);
    return server;
  }

  options(): SocketOptions {
    const notify = (event: Event) => void this.events.push(event);
    return { path: this.path, mode: 0o600, owner: undefined, group: undefined, notify, watchMs: 10 };
  }

  /** The key ID that is announced at the path; `undefined` without a response. */
  async keyId(): Promise<string | undefined> {
    await using client = dialKms(this.path);
    return await client.v2.Status({}, { signal: never }).then(({ key_id }) => key_id, () => undefined);
  }

  /** Waits for the event `action` of the path. */
  async told(action: string): Promise<void> {
    while (!this.actions().includes(action)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  actions(): string[] {
    return this.events.map((event) => event.type === "socket" ? event.action : event.type);
  }

  names(): string[] {
    return [...Deno.readDirSync(dirname(this.path))].map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.shutdown(0);
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Leaves a socket file without a listener, as a crash does: Deno removes only the name that it bound. */
function leaveStale(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.bound` });
  Deno.renameSync(`${path}.bound`, path);
  listener.close();
}

Deno.test("serveOnSocket() creates the folder, serves with the given mode, and leaves no temporary name", async () => {
  await using place = new Place();
  await place.serve("a", { mode: 0o660 });
  equal(await place.keyId(), "a");
  const mode = (path: string) => (Deno.lstatSync(path).mode ?? 0) & 0o7777;
  equal(mode(place.path), 0o660);
  equal(mode(dirname(place.path)), 0o711);
  equal(mode(`${place.path}.lock`), 0o600);
  deepEqual(place.names(), ["kms.sock", "kms.sock.lock"]);
});

Deno.test("serveOnSocket() gives the socket to the given owner and group", async () => {
  await using place = new Place();
  const { uid, gid } = Deno.lstatSync(place.folder);
  await place.serve("a", { owner: uid ?? undefined, group: gid ?? undefined });
  const info = Deno.lstatSync(place.path);
  deepEqual([info.uid, info.gid], [uid, gid]);
});

Deno.test("serveOnSocket() does not change the mode of an existing folder", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path), { mode: 0o750 });
  await place.serve("a");
  equal((Deno.lstatSync(dirname(place.path)).mode ?? 0) & 0o777, 0o750);
});

Deno.test("SocketServer.shutdown() removes the socket, keeps the lock file, and permits the next start", async () => {
  await using place = new Place();
  const first = await place.serve("a");
  await first.shutdown(1000);
  deepEqual(place.names(), ["kms.sock.lock"]);
  await place.serve("b");
  equal(await place.keyId(), "b");
});

Deno.test("serveOnSocket() fails at a live socket and leaves it serving", async () => {
  await using place = new Place();
  await place.serve("a");
  await rejects(place.serve("b"), {
    code: "config",
    message: /another process serves there; stop it, or start with --takeover\.$/,
  });
  equal(await place.keyId(), "a");
  deepEqual(place.names(), ["kms.sock", "kms.sock.lock"]);
});

Deno.test("serveOnSocket() fails at a live socket of a plugin without a lock file", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path));
  const foreign = Deno.listen({ transport: "unix", path: place.path });
  await rejects(place.serve("b"), { code: "config", message: /another process serves there/ });
  foreign.close();
});

Deno.test("serveOnSocket() waits for a lock whose holder does not listen, and starts when it is released", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path));
  const holder = await Deno.open(`${place.path}.lock`, { write: true, create: true });
  await holder.lock(true);
  setTimeout(() => holder.close(), 100);
  await place.serve("b");
  equal(await place.keyId(), "b");
});

Deno.test("serveOnSocket() fails at a lock that stays held, also without a socket", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path));
  using holder = await Deno.open(`${place.path}.lock`, { write: true, create: true });
  await holder.lock(true);
  await rejects(place.serve("b"), { code: "config", message: /is starting or stopping\.$/ });
});

Deno.test("serveOnSocket() replaces a stale socket file", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path));
  leaveStale(place.path);
  await place.serve("a");
  equal(await place.keyId(), "a");
  deepEqual(place.actions(), ["stale_removed"]);
});

Deno.test("serveOnSocket() rejects a symlink, even one to a valid socket, and does not change it", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path));
  Deno.symlinkSync(join(place.folder, "elsewhere"), place.path);
  await rejects(place.serve("a"), { code: "config", message: /a symlink stands there/ });
  ok(Deno.lstatSync(place.path).isSymlink);
});

Deno.test("serveOnSocket() rejects a file or a folder at the path and does not change it", async () => {
  await using place = new Place();
  Deno.mkdirSync(place.path, { recursive: true });
  await rejects(place.serve("a"), { code: "config", message: /something that is no socket/ });
  Deno.removeSync(place.path);
  Deno.writeTextFileSync(place.path, "mine");
  await rejects(place.serve("a"), { code: "config", message: /something that is no socket/ });
  equal(Deno.readTextFileSync(place.path), "mine");
});

Deno.test("serveOnSocket() rejects a lock file that is a symlink", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path));
  Deno.symlinkSync(join(place.folder, "victim"), `${place.path}.lock`);
  await rejects(place.serve("a"), { code: "config", message: /it is a symlink/ });
  ok(!place.names().includes("kms.sock"));
});

Deno.test("serveOnSocket() rejects a lock file that is a FIFO or a folder", async () => {
  await using place = new Place();
  Deno.mkdirSync(dirname(place.path));
  await makeFifo(`${place.path}.lock`);
  await rejects(place.serve("a"), { code: "config", message: /\.lock": it is no regular file; remove it\.$/ });
  deepEqual(await inspectLock(place.path), { state: "unknown", takenAt: undefined }, "nor does it wait for one");
  Deno.removeSync(`${place.path}.lock`);
  Deno.mkdirSync(`${place.path}.lock`);
  await rejects(place.serve("a"), { code: "config", message: /it is no regular file/ });
  ok(!place.names().includes("kms.sock"));
});

Deno.test("serveOnSocket() states the maximum length of a path", async () => {
  await using place = new Place();
  const path = join(place.folder, "x".repeat(120), "s");
  await rejects(place.serve("a", { path }), { code: "config", message: /Cannot serve on/ });
  const folder = join(place.folder, "y".repeat(95 - place.folder.length - 1));
  await place.serve("a", { path: join(folder, "abcdefghijk") });
  await rejects(place.serve("a", { path: join(folder, "abcdefghijkl") }), { message: /has 107 bytes at most/ });
});

Deno.test("serveOnSocket() takes over if the takeover permits it; the predecessor notices and drains", async () => {
  await using place = new Place();
  const old = await place.serve("same");
  await using client = dialKms(place.path);
  equal((await client.v2.Status({}, { signal: never })).key_id, "same");
  const inode = Deno.lstatSync(place.path).ino;
  await place.serve("same", { takeover: fromAny });
  ok(Deno.lstatSync(place.path).ino !== inode);
  await old.takenOver;
  await old.shutdown(1000);
  await place.told("lock_acquired");
  equal((await client.v2.Status({}, { signal: never })).key_id, "same");
  deepEqual(place.actions(), ["bound", "taken_over", "lost", "lock_acquired"]);
  deepEqual(place.names(), ["kms.sock", "kms.sock.lock"]);
});

Deno.test("serveOnSocket() does not take over if the takeover refuses, and reports the reason", async () => {
  await using place = new Place();
  await place.serve("theirs");
  const takeover: Takeover = () => Promise.resolve("the process there is another one");
  await rejects(place.serve("ours", { takeover }), { code: "config", message: /the process there is another one\.$/ });
  equal(await place.keyId(), "theirs");
});

Deno.test("serveOnSocket() with a takeover starts normally without a predecessor", async () => {
  await using place = new Place();
  await place.serve("a", { takeover: fromAny });
  deepEqual(place.actions(), ["bound"]);
});

Deno.test("SocketServer binds again when its socket is deleted, and keeps serving", async () => {
  await using place = new Place();
  await place.serve("a");
  Deno.removeSync(place.path);
  await place.told("rebound");
  equal(await place.keyId(), "a");
  deepEqual(place.actions(), ["bound", "lost", "rebound"]);
});

Deno.test("SocketServer binds and locks again when its whole folder is deleted", async () => {
  await using place = new Place();
  await place.serve("a");
  Deno.removeSync(dirname(place.path), { recursive: true });
  await place.told("lock_acquired");
  equal(await place.keyId(), "a");
  await rejects(place.serve("b"), { code: "config" });
});

Deno.test("holdSocket() binds again when its listener stops accepting, and reports it until there is a response", async () => {
  await using place = new Place();
  const server = kmsServer(handlersOf("a"));
  let made = 0;
  // A listener that never accepts, like one that has stopped.
  const deaf = (path: string) => {
    const listener = Deno.listen({ transport: "unix", path });
    return Promise.resolve({ close: () => listener.close() });
  };
  const held = await holdSocket((path) => made++ === 0 ? deaf(path) : server.listen(path), {
    ...place.options(),
    answer: { everyMs: 0, patienceMs: 50, deadMs: 60 },
  });
  await place.told("answering");
  equal(await place.keyId(), "a");
  equal(held.complaint(), "");
  deepEqual(place.actions(), ["bound", "silent", "rebound", "answering"]);
  await held.release();
  await server.shutdown(0);
});

Deno.test("SocketServer takes its place back from a successor that died", async () => {
  await using place = new Place();
  await place.serve("a");
  leaveStale(`${place.path}.dead`);
  Deno.renameSync(`${place.path}.dead`, place.path);
  await place.told("rebound");
  equal(await place.keyId(), "a");
});

Deno.test("SocketServer leaves a file that is not a socket unchanged, reports it once, and does not remove it at its end", async () => {
  await using place = new Place();
  const server = await place.serve("a");
  Deno.removeSync(place.path);
  Deno.writeTextFileSync(`${place.path}.new`, "mine");
  Deno.renameSync(`${place.path}.new`, place.path);
  await place.told("failed");
  await new Promise((resolve) => setTimeout(resolve, 60));
  await server.shutdown(1000);
  equal(Deno.readTextFileSync(place.path), "mine");
  equal(place.actions().filter((action) => action === "failed").length, 1);
});

Deno.test("SocketServer.shutdown() does not remove a successor's socket", async () => {
  await using place = new Place();
  const old = await place.serve("same", { watchMs: 60_000 });
  await place.serve("same", { takeover: fromAny });
  await old.shutdown(1000);
  equal(await place.keyId(), "same");
});

Deno.test("serveOnSocket() reports its events in sentences with the path", async () => {
  await using place = new Place();
  const server = await place.serve("a");
  await server.shutdown(1000);
  for (const event of place.events) {
    ok(event.type === "socket" && event.path === place.path);
    match(event.message, /^[A-Z].*\.$/);
  }
  deepEqual(place.actions(), ["bound", "unlinked"]);
});

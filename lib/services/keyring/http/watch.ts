/**
 * The work of `GET watch/{folder}`: changes as server-sent events. Identity and policy are looked up before each event
 * and every 10 seconds; a stream whose identity is no longer valid ends with an event `end` and the problem.
 *
 * @module
 */
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { ChangeEvent } from "../../../api/keyring/secret_schemas.ts";
import { utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Authenticated } from "../identity/authenticator.ts";
import { allows, mayReach } from "../policy/rights.ts";
import { credentialsOf } from "./credentials.ts";
import type { IncomingRequest } from "./exchange.ts";
import type { NativeCall } from "./native_handlers.ts";
import { lacksRight, type OperationResult } from "./operation.ts";
import type { SecretChange } from "../secrets/model.ts";
import type { KeyringParts } from "./parts.ts";
import { problemOf, toKeyringError } from "./problem_answer.ts";

/** Milliseconds between two checks of a stream in which nothing happens. */
const checkMs = 10_000;

/** The verbs that an identity needs on a secret to see its changes. */
const watchVerbs = ["read", "list"] as const;

/** Changes that wait for a slow client; a client that falls further behind is cut off and must list again. */
const maxWaiting = 1_000;

/** The answer is a stream; the operation ends when it begins. */
export function watchFolder(
  { parts, path: folder, request, requestId }: NativeCall<"watch">,
): Promise<OperationResult> {
  const headers = { "content-type": "text/event-stream" };
  return Promise.resolve({
    answer: { status: 200, headers, body: events({ parts, request, requestId }, folder) },
    audited: [{ path: folder }],
  });
}

interface Watched {
  readonly parts: KeyringParts;
  readonly request: IncomingRequest;
  readonly requestId: string;
}

async function* events(watched: Watched, folder: FolderPath): AsyncGenerator<Uint8Array> {
  using changes = new Changes(watched.parts, watched.request.signal);
  // The client learns that the stream is open.
  yield utf8(": watching\n\n");
  try {
    while (!watched.request.signal.aborted) {
      const change = await changes.next(checkMs);
      const rights = await rightsNow(watched, folder);
      if (change === undefined) {
        yield utf8(": \n\n");
        continue;
      }
      const event = eventFor(change, folder, rights);
      if (event !== undefined) yield utf8(`event: change\ndata: ${JSON.stringify(event)}\n\n`);
    }
  } catch (thrown) {
    if (watched.request.signal.aborted) return;
    const problem = problemOf(toKeyringError(thrown), watched.requestId);
    yield utf8(`event: end\ndata: ${JSON.stringify(problem)}\n\n`);
  }
}

/** @throws {KeyringError} `unauthenticated` or `forbidden` */
async function rightsNow({ parts, request }: Watched, folder: FolderPath): Promise<Authenticated> {
  const { identity, policy } = await parts.authenticator.identify(
    credentialsOf(request, false).credentials,
    request.signal,
  );
  const lacking = watchVerbs.find((verb) => !mayReach(policy, identity, verb, folder));
  if (lacking !== undefined) throw lacksRight(identity, lacking, folder);
  return { identity, policy };
}

/** The event for a change, if the secret is below the folder and may be read and listed. */
function eventFor(
  { path, version, action, from }: SecretChange,
  folder: FolderPath,
  rights: Authenticated,
): ChangeEvent | undefined {
  const isShown = (one: SecretPath) =>
    one.startsWith(folder) && watchVerbs.every((verb) => allows(rights.policy, rights.identity, verb, one));
  const before = from !== undefined && isShown(from) ? { from } : {};
  if (isShown(path)) return { path, version, action, ...before };
  // The secret has left the part that the identity sees.
  return from !== undefined && isShown(from) ? { path: from, version, action: "delete" } : undefined;
}

/** The changes since its construction, with a time limit for each wait. */
class Changes implements Disposable {
  readonly #stop = new AbortController();
  readonly #waiting: SecretChange[] = [];
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  #failure: unknown;
  #ended = false;
  #wake: () => void = () => {};

  constructor(parts: KeyringParts, signal: AbortSignal) {
    this.#clock = parts.clock;
    this.#outer = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) this.#stop.abort();
    void this.#follow(parts.secrets.changes(this.#stop.signal));
  }

  /** The next change; `undefined` after `ms` milliseconds. @throws the failure of the watch. */
  async next(ms: number): Promise<SecretChange | undefined> {
    if (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(ms, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    const change = this.#waiting.shift();
    if (change === undefined && this.#ended) {
      throw this.#failure ?? new KeyringError("draining", "The server stops; watch again.");
    }
    return change;
  }

  [Symbol.dispose](): void {
    this.#outer.removeEventListener("abort", this.#abort);
    this.#stop.abort();
  }

  readonly #abort = () => this.#stop.abort();

  async #follow(changes: AsyncIterable<SecretChange>): Promise<void> {
    try {
      for await (const change of changes) {
        if (this.#waiting.length >= maxWaiting) {
          throw new KeyringError("rate_limited", "The watch fell behind; list the folder and watch again.");
        }
        this.#waiting.push(change);
        this.#wake();
      }
    } catch (thrown) {
      this.#failure = thrown;
    }
    this.#ended = true;
    this.#wake();
  }
}

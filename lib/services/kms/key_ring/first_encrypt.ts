/**
 * When an API server first called Encrypt under the announced key ID.
 *
 * kube-apiserver learns of a new key ID from its next Status and then calls Encrypt once; before that, rewriting an object
 * changes nothing in etcd. It does not call Encrypt again when the plugin restarts, so the time is kept in a file.
 *
 * @module
 */
import { type Times, WallTimes } from "../../../base/clock.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { type StateFile, stateFile } from "../../../base/state_file.ts";

/** A key ID and when it was first sealed under, in milliseconds since the epoch. */
export interface FirstEncryptState {
  readonly keyId: string;
  readonly at: number;
}

/** Where it is kept. */
export type FirstEncryptFile = Pick<StateFile<FirstEncryptState>, "read" | "write">;

/** A key ID has at most 1,024 bytes. */
const maxBytes = 4_096;

/** The file in a node's state folder. */
export function firstEncryptFile(folder: string): FirstEncryptFile {
  return stateFile(folder, {
    name: "first-encrypt.json",
    content: "the first Encrypt under the key ID",
    format: 1,
    maxBytes,
    parse: ({ keyId, at }) =>
      typeof keyId === "string" && typeof at === "number" && Number.isFinite(at) ? { keyId, at } : undefined,
    advice: "remove it",
  });
}

/** Keeps it in memory, and in the file where there is one. */
export class FirstEncrypt {
  readonly #file: FirstEncryptFile | undefined;
  readonly #notify: Notify;
  readonly #clock: Times;
  readonly #times: WallTimes;
  /** When this process noted it, on the monotonic clock; `undefined` for a time that a former run wrote to the file. */
  #moment: number | undefined;
  #state: FirstEncryptState | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    file: FirstEncryptFile | undefined,
    notify: Notify,
    clock: Times,
    state: FirstEncryptState | undefined,
  ) {
    this.#file = file;
    this.#notify = notify;
    this.#clock = clock;
    this.#times = new WallTimes(clock);
    this.#state = state;
  }

  /** Reads the file. One that cannot be used is warned of and stops nothing: no data depends on it. */
  static async open(file: FirstEncryptFile | undefined, notify: Notify, clock: Times): Promise<FirstEncrypt> {
    try {
      return new FirstEncrypt(file, notify, clock, await file?.read());
    } catch (thrown) {
      warn(notify, thrown);
      return new FirstEncrypt(file, notify, clock, undefined);
    }
  }

  /** An Encrypt is answered. Only the first one under a key ID costs more than a comparison; its file is not waited for. */
  note(keyId: string): void {
    if (this.#state?.keyId === keyId) return;
    this.#moment = this.#clock.now();
    const state = { keyId, at: this.#times.of(this.#moment) };
    this.#state = state;
    this.#writing = this.#writing.then(() => this.#file?.write(state)).catch((thrown) => warn(this.#notify, thrown));
  }

  /** When it was, in milliseconds since the epoch; `undefined` where none was noted under this key ID. */
  at(keyId: string): number | undefined {
    if (this.#state?.keyId !== keyId) return undefined;
    return this.#moment === undefined ? this.#state.at : this.#times.of(this.#moment);
  }

  /** Resolves when nothing is being written. */
  written(): Promise<void> {
    return this.#writing;
  }
}

function warn(notify: Notify, thrown: unknown): void {
  const message = `${toKmsError(thrown).message} \`status\` may not know when an API server first used the key ID.`;
  notify({ type: "lifecycle", action: "warning", message });
}

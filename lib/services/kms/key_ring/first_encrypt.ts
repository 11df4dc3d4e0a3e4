/**
 * The time of an API server's first Encrypt under the announced key ID.
 *
 * kube-apiserver receives a new key ID with its next Status and then calls Encrypt once. Before that, rewriting an object
 * changes nothing in etcd. It does not call Encrypt again after a restart of the plugin, so the time is kept in a file.
 *
 * @module
 */
import { type Times, WallTimes } from "../../../base/clock.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { type StateFile, stateFile } from "../../../base/state_file.ts";

/** The first Encrypt under a key ID. */
export interface FirstEncryptState {
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The file of the first Encrypt. */
export type FirstEncryptFile = Pick<StateFile<FirstEncryptState>, "read" | "write">;

/** Maximum size of the file in bytes. A key ID has at most 1,024 bytes. */
const maxBytes = 4_096;

/** `first-encrypt.json` in the state folder of a node. */
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

/** The first Encrypt, in memory and, if there is a state folder, in its file. */
export class FirstEncrypt {
  readonly #file: FirstEncryptFile | undefined;
  readonly #notify: Notify;
  readonly #clock: Times;
  readonly #times: WallTimes;
  /** The time of the call on the monotonic clock; `undefined` if a former run wrote the time to the file. */
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

  /** Reads the file. If it cannot be used, a warning is logged and the service starts: no data depends on the file. */
  static async open(file: FirstEncryptFile | undefined, notify: Notify, clock: Times): Promise<FirstEncrypt> {
    try {
      return new FirstEncrypt(file, notify, clock, await file?.read());
    } catch (thrown) {
      warn(notify, thrown);
      return new FirstEncrypt(file, notify, clock, undefined);
    }
  }

  /**
   * Notes an answered Encrypt. After the first one under a key ID it costs one comparison. The file is written in the
   * background.
   */
  note(keyId: string): void {
    if (this.#state?.keyId === keyId) return;
    this.#moment = this.#clock.now();
    const state = { keyId, at: this.#times.of(this.#moment) };
    this.#state = state;
    this.#writing = this.#writing.then(() => this.#file?.write(state)).catch((thrown) => warn(this.#notify, thrown));
  }

  /** The time of the first Encrypt, in milliseconds since the epoch; `undefined` if none was noted under this key ID. */
  at(keyId: string): number | undefined {
    if (this.#state?.keyId !== keyId) return undefined;
    return this.#moment === undefined ? this.#state.at : this.#times.of(this.#moment);
  }

  /** Resolves when the last write has ended. */
  written(): Promise<void> {
    return this.#writing;
  }
}

function warn(notify: Notify, thrown: unknown): void {
  const message = `${toKmsError(thrown).message} \`status\` may not know when an API server first used the key ID.`;
  notify({ type: "lifecycle", action: "warning", message });
}

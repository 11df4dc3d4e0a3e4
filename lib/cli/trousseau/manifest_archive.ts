/**
 * A tar archive of manifests, written as it grows.
 *
 * @module
 */
import { createTarPacker, type TarPackController } from "modern-tar";
import { utf8 } from "../../base/bytes.ts";
import type { ByteOutput } from "./byte_output.ts";

/** The same for every file, so that equal objects give equal archives: readable by their owner alone, and of 1970. */
const header = { type: "file", mode: 0o600, uid: 0, gid: 0, mtime: new Date(0) } as const;

/** Writes an archive. It has its end only after {@linkcode finish}, so that a tar program sees if the rest is missing. */
export class ManifestArchive {
  readonly #controller: TarPackController;
  readonly #written: Promise<unknown>;

  constructor(output: ByteOutput) {
    const { readable, controller } = createTarPacker();
    this.#controller = controller;
    this.#written = readable.pipeTo(new WritableStream({ write: (bytes) => output.write(bytes) })).catch(asReason);
  }

  /** Adds a file. @throws what the output threw. */
  async add(path: string, text: string): Promise<void> {
    const body = utf8(text);
    try {
      const writer = this.#controller.add({ ...header, name: path, size: body.length }).getWriter();
      await writer.write(body);
      await writer.close();
    } catch (thrown) {
      throw await this.#written ?? thrown;
    }
  }

  /** Ends the archive, and waits until all of it is written. @throws what the output threw. */
  async finish(): Promise<void> {
    this.#controller.finalize();
    const failed = await this.#written;
    if (failed !== undefined) throw failed;
  }
}

/** Keeps the failure until it is asked for; the next `add` meets it too. */
function asReason(thrown: unknown): unknown {
  return thrown;
}

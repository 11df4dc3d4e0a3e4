/**
 * A limit for the silence of a stream: a connection whose other end is gone shows nothing else.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";

/**
 * The chunks of a stream.
 *
 * @param ms longest time between two chunks, in milliseconds.
 * @throws {KmsError} `unreachable` after a longer one; errors of the stream.
 */
export async function* withIdleLimit(chunks: AsyncIterable<Uint8Array>, ms: number): AsyncGenerator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await withinTime(source.next(), ms);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Without waiting: a stream that is silent does not end by itself.
    source.return?.().catch(() => {});
  }
}

function withinTime<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const silent = () => reject(new KmsError("unreachable", "The keyring has sent nothing for too long."));
    const timer = setTimeout(silent, ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

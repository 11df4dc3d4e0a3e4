/**
 * Restores of the embedded store.
 *
 * @module
 */
import { whyUnwritable } from "../../../base/file_failures.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { type EmbeddedOptions, openEmbeddedEngine } from "./embedded_engine.ts";
import type { Engine } from "./engine.ts";
import { examineStore, makeStore, placeStore, removeStore } from "./store_file.ts";
import { lockStore } from "./store_lock.ts";

/**
 * Makes a store with a given ID, lets `write` fill it, and gives it its path when that has succeeded: a restore that is
 * killed leaves no store.
 *
 * @throws {KeyringError} `exists` if there is a store at the path, `store_unavailable`, and the errors of `write`.
 */
export async function restoreEmbeddedStore<Result>(
  { path, clock }: Pick<EmbeddedOptions, "path" | "clock">,
  storeId: Uint8Array,
  write: (engine: Engine) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const exists = await examineStore(path);
  using _lock = await lockStore(path);
  if (exists || await examineStore(path)) {
    throw new KeyringError("exists", `Cannot restore the store at "${path}": there is one; move it away first.`);
  }
  const filled = `${path}.restoring`;
  await removeStore(filled);
  await makeStore(filled, storeId);
  try {
    const result = await withEngine({ path: filled, clock, create: false }, async (engine) => {
      const written = await write(engine);
      // Without its log the file is whole: the log would not be renamed with it.
      await engine.purge(signal);
      return written;
    });
    await placeStore(filled, path);
    return result;
  } catch (thrown) {
    await removeStore(filled);
    if (thrown instanceof KeyringError) throw thrown;
    const why = whyUnwritable(thrown, path);
    throw new KeyringError("store_unavailable", `Cannot make the store at "${path}": ${why}.`, { cause: thrown });
  } finally {
    await Deno.remove(`${filled}.lock`).catch(() => {});
  }
}

async function withEngine<Result>(
  options: EmbeddedOptions,
  write: (engine: Engine) => Promise<Result>,
): Promise<Result> {
  await using engine = await openEmbeddedEngine(options);
  return await write(engine);
}

/**
 * Counts the results of a run, in the order of the objects.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { type Collection, resourceId } from "./object_names.ts";
import type { PatchResult } from "./object_patch.ts";
import type { RewriteProgress } from "./rewrite_progress.ts";
import type { ObjectName, Refusal } from "./rewrite_state.ts";

/** Objects in a row whose patch ends with 5xx, after which the API server counts as broken. */
const maxFaultsInRow = 10;

/** An object that was patched. */
export interface PatchedObject {
  readonly collection: Collection;
  readonly name: string;
  /** The revision of the list that named it. */
  readonly listed: number | undefined;
}

/** The name of an object in the state of a run. */
export function objectName({ resource, namespace }: Collection, name: string): ObjectName {
  return { resource: resourceId(resource), namespace, name };
}

/** Takes results. Failures of the API server count when an answer of another kind follows, and the cursor waits too. */
export class RewriteResults {
  readonly #progress: RewriteProgress;
  readonly #action: string;
  readonly #onProgress: (progress: RewriteProgress, collection: Collection) => void;
  /** Failures in a row. */
  readonly #faults: Refusal[] = [];

  /**
   * @param action the operation in messages.
   * @param onProgress called after each object that is counted.
   */
  constructor(
    progress: RewriteProgress,
    action: string,
    onProgress: (progress: RewriteProgress, collection: Collection) => void = () => {},
  ) {
    this.#progress = progress;
    this.#action = action;
    this.#onProgress = onProgress;
  }

  /** @throws {KmsError} `unreachable` if the API server counts as broken: a run that goes on tries these objects again. */
  add(object: PatchedObject, result: PatchResult): void {
    const name = objectName(object.collection, object.name);
    if (result.kind === "refused" && result.serverFault) {
      this.#faults.push({ ...name, sentence: result.sentence });
      if (this.#faults.length >= maxFaultsInRow) throw this.#broken();
      return;
    }
    this.end();
    this.#count(object, result);
    this.#progress.moveTo(name);
    this.#onProgress(this.#progress, object.collection);
  }

  /** Counts a collection whose list was refused. */
  refuse(refusal: Refusal): void {
    this.end();
    this.#progress.refuse(refusal);
  }

  /** Counts the last failures: no further result follows. */
  end(): void {
    for (const { sentence, ...name } of this.#faults.splice(0)) {
      this.#progress.refuse({ ...name, sentence });
      this.#progress.moveTo(name);
    }
  }

  #count({ collection, name, listed }: PatchedObject, result: PatchResult): void {
    const resource = resourceId(collection.resource);
    switch (result.kind) {
      case "refused":
        return this.#progress.refuse({ ...objectName(collection, name), sentence: result.sentence });
      case "gone":
        return this.#progress.gone(resource);
      case "done": {
        const { revision } = result;
        return this.#progress.done(resource, revision !== undefined && listed !== undefined && revision > listed);
      }
    }
  }

  #broken(): KmsError {
    return new KmsError(
      "unreachable",
      `Cannot ${this.#action}: the API server failed at ${maxFaultsInRow} objects in a row; look at its log.`,
    );
  }
}

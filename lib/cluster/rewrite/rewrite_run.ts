/**
 * Writes every object of some resources again, namespace by namespace.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { ApiResource } from "../apiserver/api_resources.ts";
import type { ApiServerClient } from "../apiserver/api_server_client.ts";
import type { NamedTable } from "../apiserver/table.ts";
import { type Collection, collectionPath, isBehind, resourceId } from "./object_names.ts";
import { countObjects, pagesOf } from "./object_pages.ts";
import { annotating, endsRun, patchObject, type PatchResult, refusalSentence, unannotating } from "./object_patch.ts";
import { workInOrder } from "./ordered_work.ts";
import type { PatientCall } from "./patient_requests.ts";
import { RewriteProgress } from "./rewrite_progress.ts";
import { objectName, type PatchedObject, RewriteResults } from "./rewrite_results.ts";
import { type ObjectName, type Refusal, type RewriteApi, type RewriteState, sameSubject } from "./rewrite_state.ts";
import { StateSaver } from "./state_saver.ts";

/** Objects between two writes of the state file. */
const batchLength = 50;

/** Number of concurrent requests: while etcd syncs the writes of some, the API server works on others. */
const width = 16;

/** Dependencies and settings of a run. */
export interface RewriteOptions {
  readonly client: ApiServerClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly resources: readonly ApiResource[];
  readonly api: RewriteApi;
  /** The key ID that is expected; `null` over v1beta1. */
  readonly keyId: string | null;
  /** Maximum number of objects a second. */
  readonly rate: number;
  /** Where the progress is stored. */
  readonly file: {
    read(): Promise<RewriteState | undefined>;
    write(state: RewriteState): Promise<void>;
    remove(): Promise<void>;
  };
  /** Called after each object. */
  readonly onProgress?: (progress: RewriteProgress, collection: Collection) => void;
}

const action = "rewrite the objects";

/** The call of all requests of a run. */
export function rewriteCall({ client, clock, signal }: Pick<PatientCall, "client" | "clock" | "signal">): PatientCall {
  return { client, clock, signal, action };
}

/**
 * The collections of resources, in the order in which they are rewritten.
 *
 * @throws {KmsError} `permission_denied` and so on if the namespaces cannot be listed.
 */
export async function collectionsOf(
  call: PatientCall,
  resources: readonly ApiResource[],
): Promise<readonly Collection[]> {
  const needsNamespaces = resources.some(({ namespaced }) => namespaced);
  const namespaces = needsNamespaces ? await namespaceNames(call) : [];
  return resources.flatMap((resource) =>
    (resource.namespaced ? namespaces : [""]).map((namespace) => ({ resource, namespace }))
  );
}

async function namespaceNames(call: PatientCall): Promise<readonly string[]> {
  const resource = { group: "", version: "v1", name: "namespaces", namespaced: false, verbs: ["list"] };
  const names: string[] = [];
  for await (const page of pagesOf(call, { resource, namespace: "" }, "")) {
    if ("refused" in page) throw call.client.errorOf(page.refused, "/api/v1/namespaces", action);
    names.push(...page.names);
  }
  return names;
}

/** Number of objects, and the collections that the API server does not list. */
export interface ObjectCount {
  readonly collection: Collection;
  /** `undefined` if the list is refused. */
  readonly objects: number | undefined;
}

/** Counts the objects of all collections. */
export async function countAll(call: PatientCall, collections: readonly Collection[]): Promise<readonly ObjectCount[]> {
  const counts: ObjectCount[] = [];
  for (let at = 0; at < collections.length; at += width) {
    const part = collections.slice(at, at + width);
    counts.push(
      ...await Promise.all(part.map(async (collection) => {
        return { collection, objects: await countObjects(call, collection) };
      })),
    );
  }
  return counts;
}

/** An object of a list, or a list that was refused. */
type ListedObject = PatchedObject | { readonly refusal: Refusal };

/** One run. */
export class RewriteRun {
  readonly #options: RewriteOptions;
  readonly #call: PatientCall;
  readonly #progress: RewriteProgress;
  readonly #saver: StateSaver;
  /** Objects since the last write of the state file. */
  #unsaved = 0;
  /** The monotonic time before which no further object is sent. */
  #nextAt: number;
  readonly #results: RewriteResults;

  private constructor(options: RewriteOptions, progress: RewriteProgress) {
    this.#options = options;
    this.#call = rewriteCall(options);
    this.#progress = progress;
    this.#results = new RewriteResults(progress, action, options.onProgress);
    this.#saver = new StateSaver(() => options.file.write(progress.state([])));
    this.#nextAt = options.clock.now();
  }

  /**
   * Reads the state file. Annotations that an ended run has left are taken away first.
   *
   * @throws {KmsError} `config` for a state file that cannot be used, or one of another cluster whose objects have an
   *   annotation still.
   */
  static async open(options: RewriteOptions): Promise<RewriteRun> {
    const { client, api, keyId, resources, file } = options;
    const subject = { server: client.address, api, keyId, resources: resources.map(resourceId) };
    const found = await file.read();
    if (found !== undefined && found.pending.length > 0 && found.server !== client.address) {
      throw new KmsError(
        "config",
        `A rewrite at ${found.server} was ended while objects had the annotation ${found.annotation}; let it go on ` +
          "there, or name another folder by --state.",
      );
    }
    // Over v1beta1 no key ID shows whether the key was rotated since, so that a run always begins anew.
    const goesOn = found !== undefined && api === "v2" && sameSubject(found, subject);
    const run = new RewriteRun(options, new RewriteProgress(subject, goesOn ? found : undefined));
    if (found !== undefined) await run.#cleanUp(found);
    return run;
  }

  /** Counts and refusals so far. */
  get progress(): RewriteProgress {
    return this.#progress;
  }

  /** Whether an earlier run goes on. */
  get isResumed(): boolean {
    return this.#progress.cursor !== null;
  }

  /**
   * Rewrites the collections in their order, and removes the state file at the end.
   *
   * @throws {KmsError} if the run cannot go on; the state file stays.
   */
  async run(collections: readonly Collection[]): Promise<void> {
    const { cursor } = this.#progress;
    const order = [...new Set(collections.map(({ resource }) => resourceId(resource)))];
    const first = cursor === null ? 0 : collections.findIndex((one) => !isBefore(one, cursor, order));
    const { file } = this.#options;
    await file.write(this.#progress.state([]));
    const rest = first < 0 ? [] : collections.slice(first);
    if (this.#options.api === "v2") await this.#patchAll(rest);
    else for (const collection of rest) await this.#annotateAll(collection);
    this.#results.end();
    await this.#saver.settled();
    await file.remove();
  }

  /** Sends the patches of all collections in one stream: many namespaces have few objects. */
  async #patchAll(collections: readonly Collection[]): Promise<void> {
    const patch = async (one: ListedObject) => "refusal" in one ? undefined : await this.#inTurn(one);
    try {
      await workInOrder(this.#objects(collections), width, patch, (one, result) => {
        if ("refusal" in one) this.#results.refuse(one.refusal);
        else if (result !== undefined) this.#results.add(one, result);
        if (++this.#unsaved < batchLength) return;
        this.#unsaved = 0;
        this.#saver.soon();
      });
    } catch (thrown) {
      // The failure of the run counts, not one to write its state.
      await this.#saver.settled().then(() => this.#options.file.write(this.#progress.state([]))).catch(() => {});
      throw thrown;
    }
  }

  async *#objects(collections: readonly Collection[]): AsyncGenerator<ListedObject, void, void> {
    for (const collection of collections) {
      for await (const page of this.#pages(collection)) {
        if ("refusal" in page) yield page;
        else for (const name of page.names) yield { collection, name, listed: page.revision };
      }
    }
  }

  /** Over v1beta1 the state file names the objects of a batch before they are annotated. */
  async #annotateAll(collection: Collection): Promise<void> {
    for await (const page of this.#pages(collection)) {
      if ("refusal" in page) this.#results.refuse(page.refusal);
      else {
        for (let at = 0; at < page.names.length; at += batchLength) {
          const batch = page.names.slice(at, at + batchLength);
          await this.#annotate(batch.map((name) => ({ collection, name, listed: page.revision })));
        }
      }
    }
  }

  async #annotate(batch: readonly PatchedObject[]): Promise<void> {
    const { file } = this.#options;
    await file.write(this.#progress.state(batch.map(({ collection, name }) => objectName(collection, name))));
    const add = (one: PatchedObject, result: PatchResult) => this.#results.add(one, result);
    await workInOrder(batch, width, (one) => this.#inTurn(one), add);
    await file.write(this.#progress.state([]));
  }

  /** The pages of a collection behind the cursor. @throws {KmsError} if a refusal ends the run. */
  async *#pages(collection: Collection): AsyncGenerator<NamedTable | { readonly refusal: Refusal }, void, void> {
    const { cursor } = this.#progress;
    const goesOn = cursor?.resource === resourceId(collection.resource) && cursor.namespace === collection.namespace;
    for await (const page of pagesOf(this.#call, collection, goesOn ? cursor.name : "")) {
      if (!("refused" in page)) yield page;
      else if (endsRun(page.refused.status)) {
        throw this.#call.client.errorOf(page.refused, collectionPath(collection), action);
      } else yield { refusal: { ...objectName(collection, ""), sentence: refusalSentence(page.refused) } };
    }
  }

  async #inTurn({ collection, name }: PatchedObject): Promise<PatchResult> {
    await this.#pace();
    return await this.#rewrite(collection, name);
  }

  /** Waits for the turn of the next object. */
  async #pace(): Promise<void> {
    const { clock, signal, rate } = this.#options;
    const at = Math.max(this.#nextAt, clock.now());
    this.#nextAt = at + 1_000 / rate;
    await clock.sleep(Math.max(0, at - clock.now()), signal);
    if (signal.aborted) throw abortError(signal, action);
  }

  async #rewrite(collection: Collection, name: string): Promise<PatchResult> {
    if (this.#options.api === "v2") return await patchObject(this.#call, collection, name);
    const { annotation } = this.#progress;
    const set = await patchObject(this.#call, collection, name, annotating(annotation));
    // After 5xx it is not known whether the annotation was set, so that it is taken away in any case.
    if (set.kind === "gone" || (set.kind === "refused" && !set.serverFault)) return set;
    const taken = await patchObject(this.#call, collection, name, unannotating(annotation));
    if (taken.kind === "refused") return { ...taken, sentence: stillAnnotated(annotation, taken.sentence) };
    return set.kind === "refused" ? set : taken;
  }

  async #cleanUp({ pending, annotation }: RewriteState): Promise<void> {
    const byId = new Map(this.#options.resources.map((resource) => [resourceId(resource), resource]));
    for (const { resource: id, namespace, name } of pending) {
      const resource = byId.get(id);
      if (resource === undefined) {
        throw new KmsError(
          "config",
          `${id} of an ended rewrite have the annotation ${annotation} still; name them among the resources once more.`,
        );
      }
      const result = await patchObject(this.#call, { resource, namespace }, name, unannotating(annotation));
      if (result.kind !== "refused") continue;
      this.#progress.refuse({ resource: id, namespace, name, sentence: stillAnnotated(annotation, result.sentence) });
    }
    if (pending.length > 0) await this.#options.file.write(this.#progress.state([]));
  }
}

function stillAnnotated(annotation: string, why: string): string {
  return `it may have the annotation ${annotation} still: ${why}`;
}

/**
 * Whether a collection is done: its resource, or its namespace, comes before the cursor's.
 *
 * @param order of the resources.
 */
function isBefore(collection: Collection, cursor: ObjectName, order: readonly string[]): boolean {
  const [own, last] = [order.indexOf(resourceId(collection.resource)), order.indexOf(cursor.resource)];
  return own === last ? isBehind(cursor.namespace, collection.namespace) : own < last;
}

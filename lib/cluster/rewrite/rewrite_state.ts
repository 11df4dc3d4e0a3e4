/**
 * The state file of a rewrite, by which a run that was ended goes on.
 *
 * @module
 */
import { hex } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import { whyUnwritable } from "../../base/file_failures.ts";
import { type StateFile, stateFile, type StateFileFormat } from "../../base/state_file.ts";
import { field } from "../../net/https/fields.ts";

/** The KMS API by which the API server encrypts. */
export type RewriteApi = "v2" | "v1beta1";

/** The subject of a run, and its place. A run over v2 goes on only if all of it is the same. */
export interface RewriteSubject {
  /** The address of the API server. */
  readonly server: string;
  readonly api: RewriteApi;
  /** The key ID that is expected; `null` over v1beta1. */
  readonly keyId: string | null;
  /** Names of resources, in the order of the run. */
  readonly resources: readonly string[];
}

/** The name of an object. `name` is `""` for a whole namespace. */
export interface ObjectName {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** An object or a namespace that was refused, and the reason. */
export interface Refusal extends ObjectName {
  readonly sentence: string;
}

/** Numbers of objects of one resource. */
export interface RewriteCount {
  readonly resource: string;
  /** Objects that the API server has under its current key now. */
  readonly objects: number;
  /** Those of them that were written since they were listed, by this run or another writer. */
  readonly written: number;
  /** Objects that were listed and did not exist any more at their turn. */
  readonly gone: number;
  readonly refused: number;
}

/** The progress of a run. */
export interface RewriteState extends RewriteSubject {
  /** The annotation that is set and taken away over v1beta1. */
  readonly annotation: string;
  /** The last object that is done; `null` at the start. */
  readonly cursor: ObjectName | null;
  /** Objects that can have the annotation. */
  readonly pending: readonly ObjectName[];
  readonly counts: readonly RewriteCount[];
  /** At most {@linkcode maxRefusals}. */
  readonly refusals: readonly Refusal[];
}

/** Number of refusals that are kept with their sentences; all are counted. */
export const maxRefusals = 1_000;

const format: StateFileFormat<RewriteState> = {
  name: "rewrite.json",
  content: "the progress of the rewrite",
  format: 1,
  maxBytes: 4 << 20,
  parse: parseState,
  advice:
    "remove it to begin anew, and look for annotations that begin with rewrite.trousseau/ where KMS v1beta1 is used",
};

/** The state file of a folder, locked against other runs. */
export class RewriteStateFile implements Disposable {
  readonly #file: StateFile<RewriteState>;
  readonly #lock: Deno.FsFile;

  private constructor(file: StateFile<RewriteState>, lock: Deno.FsFile) {
    this.#file = file;
    this.#lock = lock;
  }

  /**
   * Locks the folder, which is created if it is missing.
   *
   * @throws {KmsError} `config` if the folder cannot be written, or another run uses it.
   */
  static async open(folder: string): Promise<RewriteStateFile> {
    const lock = await openLock(folder);
    if (await lock.tryLock(true)) return new RewriteStateFile(stateFile(folder, format), lock);
    lock.close();
    throw new KmsError(
      "config",
      `Another rewrite uses ${folder}; wait for its end, or name another folder by --state.`,
    );
  }

  /** Path of the file. */
  get path(): string {
    return this.#file.path;
  }

  /** As {@linkcode StateFile.read}. */
  read(): Promise<RewriteState | undefined> {
    return this.#file.read();
  }

  /** As {@linkcode StateFile.write}. */
  write(state: RewriteState): Promise<void> {
    return this.#file.write(state);
  }

  /** Removes the file when a run is complete. */
  async remove(): Promise<void> {
    await Deno.remove(this.#file.path).catch((thrown) => {
      if (!(thrown instanceof Deno.errors.NotFound)) throw unwritable(this.#file.path, thrown);
    });
  }

  [Symbol.dispose](): void {
    this.#lock.close();
  }
}

async function openLock(folder: string): Promise<Deno.FsFile> {
  const path = `${folder}/rewrite.lock`;
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return await Deno.open(path, { write: true, create: true, mode: 0o600 });
  } catch (thrown) {
    throw unwritable(path, thrown);
  }
}

function unwritable(path: string, cause: unknown): KmsError {
  return new KmsError("config", `Cannot write ${format.content} to ${path}: ${whyUnwritable(cause, path)}.`, { cause });
}

/** Whether two runs have the same subject. */
export function sameSubject(a: RewriteSubject, b: RewriteSubject): boolean {
  const parts = ({ server, api, keyId, resources }: RewriteSubject) => JSON.stringify([server, api, keyId, resources]);
  return parts(a) === parts(b);
}

function parseState(fields: { readonly [key: string]: unknown }): RewriteState | undefined {
  const { server, api, keyId, annotation, cursor } = fields;
  const resources = listOf(fields.resources, (one) => typeof one === "string" ? one : undefined);
  const pending = listOf(fields.pending, objectName);
  const counts = listOf(fields.counts, countOf);
  const refusals = listOf(fields.refusals, refusalOf);
  const at = cursor === null ? null : objectName(cursor);
  if (typeof server !== "string" || (api !== "v2" && api !== "v1beta1") || at === undefined) return undefined;
  if ((typeof keyId !== "string" && keyId !== null) || typeof annotation !== "string") return undefined;
  if (!annotationPattern.test(annotation)) return undefined;
  if (resources === undefined || pending === undefined || counts === undefined || refusals === undefined) {
    return undefined;
  }
  return { server, api, keyId, resources, annotation, cursor: at, pending, counts, refusals };
}

/** The form of the annotations of {@linkcode newAnnotation}: no other annotation is ever taken away. */
const annotationPattern = /^rewrite\.trousseau\/[0-9a-f]{16}$/;

/** An annotation that no object has. */
export function newAnnotation(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `rewrite.trousseau/${hex(bytes)}`;
}

function listOf<T>(value: unknown, read: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value.map(read);
  return items.every((item) => item !== undefined) ? items : undefined;
}

function objectName(value: unknown): ObjectName | undefined {
  const [resource, namespace, name] = ["resource", "namespace", "name"].map((key) => field(value, key));
  if (typeof resource !== "string" || typeof namespace !== "string" || typeof name !== "string") return undefined;
  return { resource, namespace, name };
}

function refusalOf(value: unknown): Refusal | undefined {
  const [name, sentence] = [objectName(value), field(value, "sentence")];
  return name === undefined || typeof sentence !== "string" ? undefined : { ...name, sentence };
}

function countOf(value: unknown): RewriteCount | undefined {
  const resource = field(value, "resource");
  const [objects, written, refused] = ["objects", "written", "refused"].map((key) => countIn(field(value, key)));
  // Files of an earlier version have no such number.
  const gone = countIn(field(value, "gone") ?? 0);
  if (typeof resource !== "string" || gone === undefined) return undefined;
  if (objects === undefined || written === undefined || refused === undefined) return undefined;
  return { resource, objects, written, gone, refused };
}

function countIn(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/**
 * The numbers of a run while it goes on.
 *
 * @module
 */
import {
  maxRefusals,
  newAnnotation,
  type ObjectName,
  type Refusal,
  type RewriteCount,
  type RewriteState,
  type RewriteSubject,
} from "./rewrite_state.ts";

const zero = { objects: 0, written: 0, gone: 0, refused: 0 } as const;

/** Counts and refusals, which become part of the state file. */
export class RewriteProgress {
  readonly #subject: RewriteSubject;
  readonly #counts: Map<string, RewriteCount>;
  readonly #refusals: Refusal[];
  /** Collections that were refused behind the cursor: a run that goes on lists them again. */
  #behindCursor: Refusal[] = [];
  #cursor: ObjectName | null;
  readonly annotation: string;

  /** @param found the state of an earlier run with the same subject, which goes on. */
  constructor(subject: RewriteSubject, found: RewriteState | undefined) {
    this.#subject = subject;
    this.#counts = new Map(subject.resources.map((resource) => [resource, { resource, ...zero }]));
    for (const one of found?.counts ?? []) this.#counts.set(one.resource, one);
    this.#refusals = [...found?.refusals ?? []];
    this.annotation = found?.annotation ?? newAnnotation();
    this.#cursor = found?.cursor ?? null;
  }

  /** The last object that is done; `null` at the start. */
  get cursor(): ObjectName | null {
    return this.#cursor;
  }

  /** Moves the cursor behind an object. Collections before it are not listed again. */
  moveTo(name: ObjectName): void {
    this.#cursor = name;
    this.#behindCursor = [];
  }

  /** Rows in the order of the subject. */
  get counts(): readonly RewriteCount[] {
    return [...this.#counts.values()];
  }

  get refusals(): readonly Refusal[] {
    return this.#refusals;
  }

  /** Number of objects that are done, gone or refused. */
  get finished(): number {
    return this.counts.reduce((sum, { objects, gone, refused }) => sum + objects + gone + refused, 0);
  }

  /** Counts an object. @param written whether it was written since it was listed. */
  done(resource: string, written: boolean): void {
    this.#add(resource, { ...zero, objects: 1, written: written ? 1 : 0 });
  }

  /** Counts an object that does not exist any more. */
  gone(resource: string): void {
    this.#add(resource, { ...zero, gone: 1 });
  }

  /** Counts an object, or a whole namespace, that was refused. */
  refuse(refusal: Refusal): void {
    this.#add(refusal.resource, { ...zero, refused: 1 });
    if (this.#refusals.length < maxRefusals) this.#refusals.push(refusal);
    if (refusal.name === "") this.#behindCursor.push(refusal);
  }

  /** The state for the file. @param pending objects that are going to have the annotation. */
  state(pending: readonly ObjectName[]): RewriteState {
    const { annotation, cursor } = this;
    const again = this.#behindCursor;
    const refusals = this.#refusals.filter((one) => !again.includes(one));
    const counts = this.counts.map((row) => {
      return { ...row, refused: row.refused - again.filter(({ resource }) => resource === row.resource).length };
    });
    return { ...this.#subject, annotation, cursor, pending, counts, refusals };
  }

  #add(resource: string, { objects, written, gone, refused }: Omit<RewriteCount, "resource">): void {
    const row = this.#counts.get(resource) ?? { resource, ...zero };
    this.#counts.set(resource, {
      resource,
      objects: row.objects + objects,
      written: row.written + written,
      gone: row.gone + gone,
      refused: row.refused + refused,
    });
  }
}

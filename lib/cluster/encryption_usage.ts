/**
 * Counts of stored values by resource and encryption.
 *
 * @module
 */
import type { StoredKey } from "./objects/stored_key.ts";
import type { StoredLabel } from "./objects/stored_value.ts";

/** Values that are stored in the same way. */
export interface UsageRow extends StoredLabel {
  readonly resource: string;
  /** Number of objects whose newest revision is stored so. */
  readonly objects: number;
  /** Number of older revisions, those of deleted objects included; 0 if they were not read. */
  readonly olderRevisions: number;
  /** The revision of etcd at which the oldest of these values was written; `null` in a row without values. */
  readonly oldestRevision: number | null;
  /** `NAMESPACE/NAME` of each object; empty unless asked for. */
  readonly names: readonly string[];
}

/** Whether a value is the newest one of its object. */
export type ValueAge = "newest" | "older";

interface Counted {
  readonly resource: string;
  readonly label: StoredLabel;
  objects: number;
  olderRevisions: number;
  oldestRevision: number;
  readonly names: string[];
}

/** The table under construction. */
export class EncryptionUsage {
  readonly #rows = new Map<string, Counted>();
  /** Rows by resource and label, since many values share the object of their label. */
  readonly #byLabel = new Map<string, WeakMap<StoredLabel, Counted>>();
  readonly #listsNames: boolean;

  /** @param listsNames whether rows name their objects. */
  constructor(listsNames: boolean) {
    this.#listsNames = listsNames;
  }

  /** Counts a value. */
  add({ resource, namespace, name }: StoredKey, label: StoredLabel, revision: number, age: ValueAge): void {
    const row = this.#row(resource, label, revision);
    if (age === "older") {
      row.olderRevisions++;
    } else {
      row.objects++;
      if (this.#listsNames) row.names.push(namespace === "" ? name : `${namespace}/${name}`);
    }
    row.oldestRevision = Math.min(row.oldestRevision, revision);
  }

  #row(resource: string, label: StoredLabel, revision: number): Counted {
    const known = this.#byLabel.get(resource)?.get(label);
    if (known !== undefined) return known;
    const row = this.#rowOf(resource, label, revision);
    const ofResource = this.#byLabel.get(resource) ?? new WeakMap<StoredLabel, Counted>();
    this.#byLabel.set(resource, ofResource.set(label, row));
    return row;
  }

  #rowOf(resource: string, label: StoredLabel, revision: number): Counted {
    const { state, provider, keyId, format, wraps } = label;
    const parts = [resource, state, provider, keyId, format, ...wraps.flatMap(({ name, version }) => [name, version])];
    const id = JSON.stringify(parts);
    const known = this.#rows.get(id);
    if (known !== undefined) return known;
    const row = { resource, label, objects: 0, olderRevisions: 0, oldestRevision: revision, names: [] };
    this.#rows.set(id, row);
    return row;
  }

  /** Resources with at least one encrypted value. */
  encrypted(): ReadonlySet<string> {
    const rows = [...this.#rows.values()].filter(({ label }) => label.state !== "plain");
    return new Set(rows.map(({ resource }) => resource));
  }

  /** All rows by resource, then by the number of objects, then by label: in no way by the order of reading. */
  rows(): readonly UsageRow[] {
    return [...this.#rows.values()]
      .map(({ resource, label, objects, olderRevisions, oldestRevision, names }): UsageRow => ({
        resource,
        ...label,
        objects,
        olderRevisions,
        oldestRevision,
        names: names.toSorted(),
      }))
      .sort(byPlace);
  }
}

function byPlace(a: UsageRow, b: UsageRow): number {
  if (a.resource !== b.resource) return a.resource < b.resource ? -1 : 1;
  return b.objects - a.objects || (labelText(a) < labelText(b) ? -1 : 1);
}

function labelText({ state, provider, keyId, format, wraps }: StoredLabel): string {
  return JSON.stringify([state, provider, keyId, format, wraps.map(({ name, version }) => [name, version])]);
}

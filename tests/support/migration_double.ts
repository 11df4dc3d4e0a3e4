/**
 * The migrations of an API server in memory, with a controller that works on them at each list.
 *
 * @module
 */
import { type ApiServerDouble, type DoubleAnswer, type DoubleFault, statusAnswer } from "./api_server_double.ts";

/** A migration, and the conditions that are true. */
export interface StoredMigration {
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resource: { readonly group: string; readonly resource: string };
  conditions: readonly { readonly type: string; readonly message: string }[];
}

const group = "storagemigration.k8s.io";

/** Beside an {@linkcode ApiServerDouble}, whose requests for migrations it answers. */
export class MigrationDouble {
  readonly stored = new Map<string, StoredMigration>();
  /** Names of removed migrations. */
  readonly removed: string[] = [];
  /** The version that is served; none if `undefined`. */
  version: string | undefined = "v1beta1";
  /** Works on one migration that has not ended, at each list. */
  controller: (migration: StoredMigration, name: string) => void = (migration) => {
    const isRunning = migration.conditions.length > 0;
    migration.conditions = [{ type: isRunning ? "Succeeded" : "Running", message: "" }];
  };
  /** A fault of a request, before anything else. */
  fault: DoubleFault = () => undefined;
  #uids = 0;

  constructor(double: ApiServerDouble) {
    double.fault = (request) => this.fault(request) ?? this.#answer(request);
  }

  /** Stores a migration. */
  put(name: string, resource: string, labels: Record<string, string>, ...conditions: readonly string[]): void {
    this.stored.set(name, {
      uid: `uid-${++this.#uids}`,
      labels,
      resource: { group: "", resource },
      conditions: conditions.map((type) => ({ type, message: "" })),
    });
  }

  #answer({ method, path, body }: Parameters<DoubleFault>[0]): DoubleAnswer | undefined {
    const { version } = this;
    const versions = version === undefined ? [] : [{ groupVersion: `${group}/${version}` }];
    if (path === "/apis") return { status: 200, body: { groups: [{ versions }] } };
    if (version === undefined || !path.startsWith(`/apis/${group}/${version}`)) return undefined;
    const [name] = path.slice(`/apis/${group}/${version}/storageversionmigrations/`.length).split("/");
    if (path === `/apis/${group}/${version}`) return { status: 200, body: { resources: [discovered] } };
    if (method === "POST") return this.#create(body as Created);
    if (method === "DELETE") return this.#remove(name ?? "", body as Removal);
    for (const [one, migration] of this.stored) {
      if (!migration.conditions.some(({ type }) => type !== "Running")) this.controller(migration, one);
    }
    return { status: 200, body: { kind: "StorageVersionMigrationList", items: [...this.stored].map(objectOf) } };
  }

  #create({ metadata: { name, labels }, spec }: Created): DoubleAnswer {
    if (this.stored.has(name)) return statusAnswer(409, `${name} already exists`);
    const made = { uid: `uid-${++this.#uids}`, labels, resource: spec.resource, conditions: [] };
    this.stored.set(name, made);
    return { status: 201, body: objectOf([name, made]) };
  }

  #remove(name: string, { preconditions: { uid } }: Removal): DoubleAnswer {
    const found = this.stored.get(name);
    if (found === undefined) return statusAnswer(404, "not found");
    if (found.uid !== uid) return statusAnswer(409, "the UID in the precondition does not match");
    this.stored.delete(name);
    this.removed.push(name);
    return { status: 200, body: { kind: "Status" } };
  }
}

interface Created {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly resource: StoredMigration["resource"] };
}

interface Removal {
  readonly preconditions: { readonly uid: string };
}

const discovered = { name: "storageversionmigrations", namespaced: false, verbs: ["create", "delete", "list"] };

function objectOf([name, { uid, labels, resource, conditions }]: readonly [string, StoredMigration]): unknown {
  const all = conditions.map((one) => ({ ...one, status: "True", reason: "Test" }));
  return { metadata: { name, uid, labels }, spec: { resource }, status: { conditions: all } };
}

/**
 * The resource and the name of an object, by its key in etcd.
 *
 * kube-apiserver stores a built-in resource under its name alone, with a few exceptions; custom resources, and the
 * resources of the API servers for extensions and aggregation, under their group and name. Source: `k8s.io/kubernetes`
 * 1.36.3, `SpecialDefaultResourcePrefixes` and the storage of `k8s.io/apiextensions-apiserver`.
 *
 * @module
 */
import { latin1 } from "../../base/bytes.ts";

/** An object. */
export interface StoredKey {
  /** As in an EncryptionConfiguration: `secrets`, `deployments.apps`; for an unknown folder, its name. */
  readonly resource: string;
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
}

/** A key of etcd as text. Latin-1 gives different texts for different bytes; names of Kubernetes are ASCII. */
export function keyText(key: Uint8Array): string {
  return latin1(key);
}

/** Folders whose name is not that of the resource, below the prefix. */
export const storedFolders = {
  "minions": "nodes",
  "controllers": "replicationcontrollers",
  "services/specs": "services",
  "services/endpoints": "endpoints",
  "ingress": "ingresses.networking.k8s.io",
} as const satisfies Record<string, string>;

/** Folders of objects without an API, which no EncryptionConfiguration can name: each is a row of its own name. */
export const foldersWithoutApi = ["ranges", "masterleases", "peerserverleases"] as const;

/** Resources by group; the core group is `""`. */
type GroupTable = ReadonlyMap<string, readonly string[]>;

/** Reads keys below a prefix. */
export class StoredKeys {
  readonly #prefix: string;
  /** The resource of each folder of one segment. */
  readonly #byFolder: ReadonlyMap<string, string>;

  /**
   * @param prefix of kube-apiserver's `--etcd-prefix`, as in `/registry`.
   * @param resources the built-in ones.
   */
  constructor(prefix: string, resources: GroupTable) {
    this.#prefix = prefix.endsWith("/") ? prefix : `${prefix}/`;
    const moved: readonly string[] = Object.values(storedFolders);
    this.#byFolder = new Map(
      [...resources].flatMap(([group, names]) =>
        names.map((name): [string, string] => [name, group === "" ? name : `${name}.${group}`])
      ).filter(([, resource]) => !moved.includes(resource)),
    );
  }

  /** The prefix with a slash at its end. */
  get prefix(): string {
    return this.#prefix;
  }

  /** The object of a key; `undefined` if the key is not below the prefix. */
  read(key: string): StoredKey | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const [first, below] = split(key, this.#prefix.length);
    const known = this.#byFolder.get(first);
    if (known !== undefined) return named(known, below);
    const [second = "", rest] = below === undefined ? [] : split(below, 0);
    const moved = movedFolders.get(`${first}/${second}`);
    if (moved !== undefined) return named(moved, rest);
    // A custom resource: the group of a CustomResourceDefinition has a dot, no folder of a built-in resource has one.
    if (first.includes(".") && rest !== undefined) return named(`${second}.${first}`, rest);
    return named(movedFolders.get(first) ?? first, below);
  }
}

const movedFolders: ReadonlyMap<string, string> = new Map(Object.entries(storedFolders));

/** The part up to the next slash, and the part behind it; `undefined` if there is no slash. */
function split(path: string, from: number): [first: string, rest: string | undefined] {
  const slash = path.indexOf("/", from);
  return slash < 0 ? [path.slice(from), undefined] : [path.slice(from, slash), path.slice(slash + 1)];
}

function named(resource: string, path: string | undefined): StoredKey {
  const [first, rest] = split(path ?? "", 0);
  return rest === undefined ? { resource, namespace: "", name: first } : { resource, namespace: first, name: rest };
}

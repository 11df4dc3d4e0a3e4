/**
 * The resource and the name of an object, by its key in etcd.
 *
 * kube-apiserver stores a built-in resource under its name alone, with a few exceptions; custom resources, and the
 * resources of the API servers for extensions and aggregation, under their group and name. Source: `k8s.io/kubernetes`
 * 1.36.3, `SpecialDefaultResourcePrefixes` and the storage of `k8s.io/apiextensions-apiserver`.
 *
 * @module
 */

/** An object. */
export interface StoredKey {
  /** As in an EncryptionConfiguration: `secrets`, `deployments.apps`; for an unknown folder, its name. */
  readonly resource: string;
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
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
    const segments = key.slice(this.#prefix.length).split("/");
    const [first = "", second = "", ...rest] = segments;
    const pair = `${first}/${second}`;
    if (isMoved(pair)) return named(storedFolders[pair], rest);
    // A custom resource: the group of a CustomResourceDefinition has a dot, no folder of a built-in resource has one.
    if (first.includes(".") && rest.length > 0) return named(`${second}.${first}`, rest);
    const resource = isMoved(first) ? storedFolders[first] : this.#byFolder.get(first) ?? first;
    return named(resource, segments.slice(1));
  }
}

function isMoved(folder: string): folder is keyof typeof storedFolders {
  return Object.hasOwn(storedFolders, folder);
}

function named(resource: string, path: readonly string[]): StoredKey {
  const [namespace = "", ...rest] = path;
  return rest.length === 0
    ? { resource, namespace: "", name: namespace }
    : { resource, namespace, name: rest.join("/") };
}

/**
 * The artefacts of this source, and the permissions of each. The compiled binaries, the staged bundles and the tests
 * take them from this table.
 *
 * @module
 */
import { clientVariables } from "../../lib/cli/clectl/environment.ts";
import { environmentVariables } from "../../lib/config/environment.ts";
import { runtimeVariables } from "../../lib/config/runtime_variables.ts";

/** A kind of permission that Deno knows. */
type PermissionKind = "net" | "read" | "write" | "env" | "sys" | "run" | "ffi" | "import";

/** `all`; or all but a list; or a list and nothing else, where an empty list is denied explicitly. */
type Grant = "all" | { readonly allBut: readonly string[] } | readonly string[];

/** Every permission of an artefact, closed: a kind that Deno gains stays denied until it has a row. */
export type Permissions = { readonly [Kind in PermissionKind]: Grant };

/** One program that is released. */
export interface Artefact {
  /** The name of the binary, and of the launcher and its modules' folder. */
  readonly name: string;
  /** The first module, relative to the root of the checkout. */
  readonly entry: string;
  /** The configuration with its packages, relative to the root of the checkout. */
  readonly config: string;
  readonly permissions: Permissions;
  /** Names of links to it, each with the words that it adds: those of the program itself. A launcher needs them too. */
  readonly links?: Readonly<Record<string, readonly string[]>>;
  /** Flags of V8's, baked in too. */
  readonly v8Flags: readonly string[];
  /** Unstable features of Deno that it uses, as in `--unstable-NAME`. */
  readonly unstable: readonly string[];
  /**
   * Whether a staged module that is imported dynamically is read when it is imported. Otherwise Deno reads, and keeps in
   * memory, all modules at the start. Such an import needs the permission to read, in a worker too.
   */
  readonly readsOnImport: boolean;
}

/**
 * V8's flags for the plugin. Each half of the young generation has at most 2 MiB, which a processor's cache can hold: a
 * call leaves little alive, and a larger one saves no processor time. The old generation may double between two full
 * collections. V8's default lets it grow fourfold, and an idle plugin would keep 60 MB and more of garbage after one
 * burst of calls. There is no hard limit, since a burst would then crash the process. `--expose-gc` lets the plugin
 * collect after its start and after each burst (`lib/app/collect.ts`). `tests/bench` runs its bare server under the
 * same flags.
 */
export const v8Flags = ["--max-semi-space-size=2", "--heap-growing-percent=100", "--expose-gc"] as const;

/** The plugin, the key service for SOPS and the commands of their operator. */
export const trousseau = {
  name: "trousseau",
  entry: "main.ts",
  config: "deno.keyring.json",
  links: { trousseaud: ["keyring", "serve"] },
  permissions: {
    // Hosts and paths come from the operator's configuration, which does not exist yet when the binary is compiled.
    net: "all",
    read: "all",
    // The socket and its lock, the state folder with the local key file, an audit file. On a current Linux /var/run is
    // a link to /run; a configuration can name either.
    write: ["/run", "/var/run", "/var/lib/trousseau", "/var/lib/trousseaud"],
    // Other variables are not refused but absent: a library that asks for a variable of its own goes on with its
    // default, and an operator's environment cannot switch on a library's tracing. Those of the runtime are here so
    // that a start can warn of them: Deno reads them itself, whatever is granted.
    env: [...Object.keys(environmentVariables), ...Object.keys(runtimeVariables)],
    // The free space of the state folder, for `doctor`. A service gives it up at its start.
    sys: ["statfs"],
    run: [],
    ffi: [],
    // Without this row Deno would let a dynamic import fetch from a list of hosts of its own.
    import: [],
  },
  v8Flags,
  unstable: [],
  readsOnImport: true,
} as const satisfies Artefact;

/** The client for people's own machines. */
export const clectl = {
  name: "clectl",
  entry: "lib/cli/clectl/main.ts",
  config: "deno.clectl.json",
  permissions: {
    // Outgoing connections only, as far as Deno can express it: its permission has no direction. Listening on every
    // interface is denied, and listening on a free port of this machine. Listening on a fixed port of one interface is
    // not: Deno checks it as it checks a connection to that port. The bundle has no code that listens.
    net: { allBut: ["0.0.0.0", "[::]", "127.0.0.1:0", "[::1]:0", "localhost:0"] },
    // A person names any file of his own.
    read: "all",
    write: "all",
    // None contains a secret. As for `trousseau`, every other variable is absent.
    env: Object.keys(clientVariables),
    sys: [],
    run: [],
    ffi: [],
    import: [],
  },
  // It ends after one command: V8's own limits do.
  v8Flags: [],
  // Files that are imported are parsed in a worker without any permission.
  unstable: ["worker-options"],
  // That worker imports its parser, which only a module that is known since the start permits.
  readsOnImport: false,
} as const satisfies Artefact;

/** The table. */
export const artefacts: readonly Artefact[] = [trousseau, clectl];

/** The permissions of an artefact as flags of `deno run` and `deno compile`. */
export function permissionFlags({ permissions }: Pick<Artefact, "permissions"> = trousseau): string[] {
  const flags = Object.entries<Grant>(permissions).flatMap(([kind, grant]) => grantFlags(kind, grant));
  return ["--no-prompt", ...flags, "--ignore-env"];
}

/** All that is baked into a binary: permissions, V8's flags, and no code cache. */
export function bakedFlags(artefact: Artefact = trousseau): string[] {
  const { v8Flags, unstable } = artefact;
  // A compiled binary keeps its code cache under a guessable name in the folder for temporary files, where another
  // user of the machine could put one first.
  return [
    ...permissionFlags(artefact),
    ...unstable.map((feature) => `--unstable-${feature}`),
    ...(v8Flags.length === 0 ? [] : [`--v8-flags=${v8Flags.join(",")}`]),
    "--no-code-cache",
  ];
}

/** `deno run` of staged modules as the binary would run them: nothing is fetched, no config is looked for. */
export function runFlags(artefact: Artefact = trousseau): string[] {
  const closed = ["run", "--quiet", "--cached-only", "--no-remote", "--no-npm", "--no-config", "--no-lock"];
  const lazy = artefact.readsOnImport ? ["--unstable-lazy-dynamic-imports"] : [];
  return [...closed, ...lazy, ...bakedFlags(artefact)];
}

function grantFlags(kind: string, grant: Grant): readonly string[] {
  if (grant === "all") return [`--allow-${kind}`];
  if ("allBut" in grant) return [`--allow-${kind}`, `--deny-${kind}=${grant.allBut.join(",")}`];
  return [grant.length === 0 ? `--deny-${kind}` : `--allow-${kind}=${grant.join(",")}`];
}

/**
 * What the plugin may do, in one table: the compiled binary, the staged bundle and the tests all take it from here.
 *
 * @module
 */
import { environmentVariables } from "../../lib/config/environment.ts";
import { runtimeVariables } from "../../lib/config/runtime_variables.ts";

/** A kind of permission that Deno knows. */
type PermissionKind = "net" | "read" | "write" | "env" | "sys" | "run" | "ffi" | "import";

/** `all`, or what is granted and nothing else; an empty list is refused in so many words. */
type Grant = "all" | readonly string[];

/** Every permission of the plugin, closed: a kind that Deno gains stays refused until it has a row here. */
export const permissions = {
  // Hosts and paths are the operator's: they stand in a config that this table cannot know.
  net: "all",
  read: "all",
  // The socket and its lock, the state folder with the local key file, an audit file. On a current Linux /var/run is a
  // link to /run; a config may name either.
  write: ["/run", "/var/run", "/var/lib/trousseau"],
  // Others are not refused but absent: a library that asks for a variable of its own goes on with its default, and an
  // operator's environment cannot switch on a library's tracing.
  // Those of the runtime are here so that a start can warn of them: Deno reads them itself, whatever is granted.
  env: [...Object.keys(environmentVariables), ...Object.keys(runtimeVariables)],
  sys: [],
  run: [],
  ffi: [],
  // Without this row Deno would let a dynamic import fetch from a list of hosts of its own.
  import: [],
} as const satisfies { readonly [Kind in PermissionKind]: Grant };

/**
 * How V8 runs. A young generation of at most 8 MiB, and an old one that may double between two full collections: left to
 * itself V8 lets it grow fourfold, and a plugin that mostly waits would keep what one burst of calls had left behind,
 * 60 MB and more. There is no hard limit, which would turn a burst into a crash. With `gc` at hand a server gives back
 * what its start and each burst have left behind (`lib/app/collect.ts`). `tests/bench` runs its bare server under the same
 * flags.
 */
export const v8Flags = ["--max-semi-space-size=8", "--heap-growing-percent=100", "--expose-gc"] as const;

/** The permissions as flags of `deno run` and `deno compile`. */
export function permissionFlags(): string[] {
  const flags = Object.entries<Grant>(permissions).map(([kind, grant]) => permissionFlag(kind, grant));
  return ["--no-prompt", ...flags, "--ignore-env"];
}

/** All that is baked into the binary: permissions, V8's flags, and no code cache. */
export function bakedFlags(): string[] {
  // A compiled binary keeps its code cache under a guessable name in the folder for temporary files, where another
  // user of the machine could put one first.
  return [...permissionFlags(), `--v8-flags=${v8Flags.join(",")}`, "--no-code-cache"];
}

/** `deno run` of one self-contained file as the binary would run it: nothing is fetched, no config is looked for. */
export function runFlags(): string[] {
  return ["run", "--quiet", "--cached-only", "--no-remote", "--no-npm", "--no-config", "--no-lock", ...bakedFlags()];
}

function permissionFlag(kind: string, grant: Grant): string {
  if (grant === "all") return `--allow-${kind}`;
  return grant.length === 0 ? `--deny-${kind}` : `--allow-${kind}=${grant.join(",")}`;
}

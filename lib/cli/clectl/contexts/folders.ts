/**
 * The folders of `clectl`: contexts are configuration, keys and certificates are state.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { KmsError } from "../../../base/errors.ts";
import type { ClientEnvironment } from "../environment.ts";

/** Absolute paths; they may not exist yet. */
export interface ClientFolders {
  /** `$XDG_CONFIG_HOME/clectl`: the contexts, and the name of the current one. */
  readonly config: string;
  /** `$XDG_STATE_HOME/clectl`: keys and certificates. */
  readonly state: string;
}

/** The folders for an environment; `undefined` if it names no home. The XDG specification ignores relative paths. */
export function clientFolders(environment: ClientEnvironment): ClientFolders | undefined {
  const home = environment.get("HOME");
  const base = (name: "XDG_CONFIG_HOME" | "XDG_STATE_HOME", below: string) => {
    const set = environment.get(name);
    if (set !== undefined && isAbsolute(set)) return join(set, "clectl");
    return home !== undefined && isAbsolute(home) ? join(home, below, "clectl") : undefined;
  };
  const config = base("XDG_CONFIG_HOME", ".config");
  const state = base("XDG_STATE_HOME", ".local/state");
  return config === undefined || state === undefined ? undefined : { config, state };
}

/** As {@linkcode clientFolders}. @throws {KmsError} `config` if there is no home. */
export function requiredFolders(environment: ClientEnvironment): ClientFolders {
  const folders = clientFolders(environment);
  if (folders !== undefined) return folders;
  throw new KmsError("config", "There is no folder for contexts: set HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME.");
}

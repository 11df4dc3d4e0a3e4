/**
 * The environment of `clectl`. Its table is also the list of variables that the binary may read.
 *
 * @module
 */

/** Every variable that `clectl` reads, with its purpose. None contains a secret. */
export const clientVariables = {
  CLECTL_ADDRESS: "the address of the server: unix:///PATH or https://HOST:PORT",
  CLECTL_CONTEXT: "the context that is used where no --context is given",
  HOME: "the folder of a user, for the two folders below where they are not set",
  XDG_CONFIG_HOME: "the folder of the contexts; ~/.config if it is not set",
  XDG_STATE_HOME: "the folder of keys and certificates; ~/.local/state if it is not set",
} as const satisfies Readonly<Record<string, string>>;

/** A row of {@linkcode clientVariables}. */
export type ClientVariable = keyof typeof clientVariables;

/** Access to the environment. */
export interface ClientEnvironment {
  /** The value of a variable; `undefined` if it is unset or empty. */
  get(name: ClientVariable): string | undefined;
}

/** The environment of this process. */
export function processVariables(): ClientEnvironment {
  return { get: (name) => Deno.env.get(name) || undefined };
}

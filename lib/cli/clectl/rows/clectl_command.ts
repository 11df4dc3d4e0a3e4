/**
 * The type of a row of the table of `clectl`, and positionals that several rows have.
 *
 * @module
 */
import type { Command, Positional } from "../../command.ts";
import type { clectlOptions, ClectlValues } from "../options.ts";
import type { ClectlTerminal } from "../terminal.ts";

/** A row of the table of `clectl`. */
export type ClectlCommand = Command<ClectlValues, ClectlTerminal, keyof typeof clectlOptions>;

/** The path of a secret. */
export const pathWord = { name: "PATH" } as const satisfies Positional;

/** The path of a folder; the root if it is left out. */
export const folderWord = { name: "FOLDER", optional: true } as const satisfies Positional;

/** The options of the connection, and of the output as a table or a document. */
export const usualOptions = ["json", "context", "timeout"] as const;

/**
 * Names from other tools that people type as commands and options of `clectl`.
 *
 * @module
 */
import type { Habits } from "../command.ts";

const noValues =
  "Values are not taken from arguments, which other users of the machine can see and shells keep: use --stdin, --file FILE " +
  "or the prompt.";

const noCodes = "Codes and tokens are not taken from arguments: type them, or write them to standard input.";

/** The table. */
export const clectlHabits: Habits = {
  commands: {
    add: "create",
    insert: "create",
    put: "create",
    set: "create",
    write: "create",
    read: "get",
    show: "get",
    cat: "get",
    ls: "list",
    edit: "update",
    rm: "delete",
    remove: "delete",
    mv: "move",
    rename: "move",
    log: "history",
    versions: "history",
    status: "health",
    ping: "health",
    rotate: "generate",
    pwgen: "generate",
    invite: "enrol",
    enroll: "enrol",
    auth: "login",
    template: "render",
    signin: "login",
    signout: "logout",
  },
  otherPrograms: {
    serve: "trousseau keyring serve",
    restore: "trousseau keyring restore",
  },
  options: { format: "--output", n: "--dry-run", all: "--recursive", v: "--version" },
  refusedOptions: {
    value: noValues,
    password: noValues,
    secret: noValues,
    code: noCodes,
    token: noCodes,
  },
};

/**
 * The rows of the commands about people, machines and contexts.
 *
 * @module
 */
import { type ClectlCommand, usualOptions } from "./clectl_command.ts";

const nameWord = { name: "NAME" } as const;
const idWord = { name: "ID" } as const;

/** The table, in the order of the help. */
export const peopleRows = [
  {
    name: "login",
    summary: "log in at a server: a person with an enrolment code, a machine with its token",
    description:
      "The first connection sends nothing: it takes the authority whose public key has the fingerprint. The second one " +
      "trusts this authority alone, and sends the code, which is read from the prompt or standard input. The key stays " +
      "on this machine; the certificate lasts a week and is renewed by itself for 90 days. A machine gives --role and the " +
      "token of its cluster or CI system: --kubernetes reads --token-file or the token that each pod has, --jwt reads " +
      "--token-file or --token-stdin. The token of the server stays in the context, with mode 0600, and each command " +
      "renews it when less than a third of its life is left. Without URL, the server is that of the context.",
    positionals: [{ name: "URL", optional: true }],
    options: [
      "fingerprint",
      "kubernetes",
      "jwt",
      "role",
      "issuer",
      "token-file",
      "token-stdin",
      "ca",
      "context",
      "json",
      "timeout",
      "quiet",
    ],
    examples: [
      {
        line: "clectl login https://vault.example:8300 --fingerprint 5f0c…e1",
        does: "as the administrator and the start of the server say",
      },
      {
        line: "clectl login https://vault.example:8300 --ca ca.pem --kubernetes --role shop-pods",
        does: "in a pod, with the token of its ServiceAccount",
      },
      {
        line: "clectl login https://vault.example:8300 --ca ca.pem --jwt --role deploy --token-stdin < token",
        does: "in a job of a CI system",
      },
    ],
    run: async (call) => (await import("../commands/login.ts")).login(call),
  },
  {
    name: "logout",
    summary: "end the login of a context on this machine",
    description:
      "The server revokes the token of a machine. Key and certificate of a person are removed from this machine; the " +
      "server keeps the enrolment until it ends or identity revoke ends it. The context stays.",
    positionals: [],
    options: ["quiet", ...usualOptions],
    examples: [{ line: "clectl logout", does: "at the end of a job" }],
    run: async (call) => (await import("../commands/machine_login.ts")).logout(call),
  },
  {
    name: "enrol",
    summary: "invite a person, and print the enrolment code",
    description: "The code is for one login within ten minutes, and bound to the name.",
    positionals: [nameWord],
    options: ["roles", ...usualOptions],
    examples: [{ line: "clectl enrol anna --roles developers", does: "a code for anna's login" }],
    run: async (call) => (await import("../commands/people.ts")).enrol(call),
  },
  {
    name: "identity list",
    summary: "list the people that are invited or enrolled",
    description: "With their roles and states.",
    positionals: [],
    options: usualOptions,
    examples: [{ line: "clectl identity list", does: "all people" }],
    run: async (call) => (await import("../commands/people.ts")).listIdentities(call),
  },
  {
    name: "identity revoke",
    summary: "revoke a person's enrolment and certificates at once",
    description: "Open connections end with the next request.",
    positionals: [idWord],
    options: ["quiet", ...usualOptions],
    examples: [{ line: "clectl identity revoke 61635a79622bf64a179a34fdccb01498", does: "by the ID of identity list" }],
    run: async (call) => (await import("../commands/people.ts")).revokeIdentity(call),
  },
  {
    name: "token create",
    summary: "create a token for a machine, and print it once",
    description: "Prefer the identity that a cluster or a CI system gives to its jobs: it ends by itself.",
    positionals: [nameWord],
    options: ["role", "ttl", ...usualOptions],
    examples: [{ line: "clectl token create backup-job --role backup --ttl 30d", does: "a token for 30 days" }],
    run: async (call) => (await import("../commands/people.ts")).createToken(call),
  },
  {
    name: "token list",
    summary: "list the tokens, without their text",
    description: "With their roles and ends.",
    positionals: [],
    options: usualOptions,
    examples: [{ line: "clectl token list", does: "all tokens" }],
    run: async (call) => (await import("../commands/people.ts")).listTokens(call),
  },
  {
    name: "token revoke",
    summary: "revoke a token at once",
    description: "By its ID.",
    positionals: [idWord],
    options: ["quiet", ...usualOptions],
    examples: [{ line: "clectl token revoke 23a387a79a7f12a9a54a3f3609b0c0d0", does: "by the ID of token list" }],
    run: async (call) => (await import("../commands/people.ts")).revokeToken(call),
  },
  {
    name: "whoami",
    summary: "show the identity that the server sees",
    description: "With its roles.",
    positionals: [],
    options: usualOptions,
    examples: [{ line: "clectl whoami", does: "name, kind and roles" }],
    run: async (call) => (await import("../commands/people.ts")).whoami(call),
  },
  {
    name: "can",
    summary: "ask whether the policy permits a verb on a path",
    description: "Ends with 0 for yes and 1 for no.",
    positionals: [{ name: "VERB" }, { name: "PATH" }],
    options: ["quiet", ...usualOptions],
    examples: [
      { line: "clectl can read db/prod/john", does: "as this identity" },
      { line: "clectl can list /", does: "the whole store, or a part of it" },
    ],
    run: async (call) => (await import("../commands/people.ts")).can(call),
  },
  {
    name: "context list",
    summary: "list the servers that this user knows",
    description: "They are in $XDG_CONFIG_HOME/clectl, keys and certificates in $XDG_STATE_HOME/clectl.",
    positionals: [],
    options: ["json"],
    examples: [{ line: "clectl context list", does: "name, address and kind of login" }],
    run: async (call) => (await import("../commands/context.ts")).listContexts(call),
  },
  {
    name: "context use",
    summary: "choose the server for the next commands",
    description: "--context, CLECTL_ADDRESS and CLECTL_CONTEXT precede it, in this order.",
    positionals: [nameWord],
    options: ["json", "quiet"],
    examples: [{ line: "clectl context use prod", does: "as the current context" }],
    run: async (call) => (await import("../commands/context.ts")).useContext(call),
  },
  {
    name: "context set",
    summary: "name a server by hand",
    description:
      "For a socket, or for a machine with a token of an administrator and the certificate of the authority. People, pods " +
      "and jobs use login.",
    positionals: [nameWord],
    options: ["address", "ca", "token-file", "json", "quiet"],
    examples: [
      { line: "clectl context set here --address unix:///run/trousseaud/admin/admin.sock", does: "a socket" },
      {
        line: "clectl context set ci --address https://vault.example:8300 --ca ca.pem --token-file /run/secrets/token",
        does: "a machine",
      },
    ],
    run: async (call) => (await import("../commands/context.ts")).setContext(call),
  },
  {
    name: "context remove",
    summary: "remove a server, with its key and certificate on this machine",
    description: "The server keeps the enrolment until it ends or identity revoke ends it.",
    positionals: [nameWord],
    options: ["json", "quiet"],
    examples: [{ line: "clectl context remove prod", does: "forget a server" }],
    run: async (call) => (await import("../commands/context.ts")).removeContext(call),
  },
] as const satisfies readonly ClectlCommand[];

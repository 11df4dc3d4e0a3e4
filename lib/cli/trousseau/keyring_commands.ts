/**
 * The commands of the keyring's server and of its store.
 *
 * @module
 */
import type { TrousseauCommand } from "./terminal.ts";

const file = { name: "FILE", optional: true, files: true, standsFor: "config" } as const;

const served = "The server may run; with an embedded store, it does the work itself.";

/** The rows, in the order of the help. */
export const keyringCommands = [
  {
    name: "keyring serve",
    summary: "serve the keyring to clectl and to clients of Vault's KV version 2",
    description:
      "Serves until SIGTERM: secrets are kept encrypted under the same kinds of KMS as kube-apiserver's data, in an " +
      "embedded store or in etcd. The administrator connects over a Unix socket, people and machines over TLS. SIGHUP " +
      "reads log level, credentials and keyring.metrics again. Without a configuration it makes a store and a local " +
      "key, to try it, in /var/lib/trousseaud where this user can write there, else in $XDG_RUNTIME_DIR/trousseau/keyring. " +
      "A link named trousseaud adds the words keyring serve by itself.",
    positionals: [file],
    options: ["config", "recovery-key", "log-level"],
    examples: [
      { line: "trousseau keyring serve", does: "try it with a local key" },
      { line: "trousseau keyring serve --config /etc/trousseau/keyring.yaml", does: "serve with a configuration" },
    ],
    reloads: true,
    run: async (call) => (await import("./keyring_serve.ts")).keyringServe(call),
  },
  {
    name: "keyring backup",
    summary: "write a backup of the keyring to standard output",
    description:
      "Takes it from the running server, or from the store if no server runs, in one consistent state. Everything in it is " +
      "sealed as in the store, and no KMS is asked. It is read back while it is written; the last line on stderr says that " +
      "it is whole. It is refused while a store key is wrapped on this machine alone: without that key it opens nothing.",
    positionals: [file],
    options: ["config", "key-file-kept-elsewhere", "log-level"],
    examples: [
      {
        line: "trousseau keyring backup --config /etc/trousseau/keyring.yaml > keyring.backup",
        does: "with umask 077, into a file",
      },
    ],
    run: async (call) => (await import("./keyring_backup.ts")).keyringBackup(call),
  },
  {
    name: "keyring restore",
    summary: "restore a backup into an empty store",
    description:
      "The store of the configuration must not exist yet, and a provider must open the keys of the backup. Afterwards all " +
      "tokens, codes and certificates of before are refused, unless --keep-identities is given.",
    positionals: [{ name: "BACKUP", files: true }],
    options: ["config", "keep-identities", "recovery-key", "log-level"],
    examples: [
      {
        line: "trousseau keyring restore keyring.backup --config /etc/trousseau/keyring.yaml",
        does: "on the new machine, before the server starts",
      },
    ],
    run: async (call) => (await import("./keyring_backup.ts")).keyringRestore(call),
  },
  {
    name: "keyring rewrap",
    summary: "wrap the store keys by the providers of now",
    description:
      `For a new KMS, a rotated key, or after a recovery. Records stay as they are: a few keys are wrapped anew. ${served}`,
    positionals: [file],
    options: ["config", "recovery-key", "json", "log-level"],
    examples: [
      { line: "trousseau keyring rewrap --config /etc/trousseau/keyring.yaml", does: "after a provider was added" },
    ],
    run: async (call) => (await import("./keyring_upkeep.ts")).keyringRewrap(call),
  },
  {
    name: "keyring reseal",
    summary: "seal every record under new store keys",
    description: `For a store key that may have leaked. It goes on where an interrupted run ended. ${served}`,
    positionals: [file],
    options: ["config", "json", "log-level"],
    examples: [
      { line: "trousseau keyring reseal --config /etc/trousseau/keyring.yaml", does: "with its progress on stderr" },
    ],
    run: async (call) => (await import("./keyring_upkeep.ts")).keyringReseal(call),
  },
  {
    name: "keyring reindex",
    summary: "put the index under a new key",
    description: `For an index key that may have leaked. It goes on where an interrupted run ended. ${served}`,
    positionals: [file],
    options: ["config", "json", "log-level"],
    examples: [
      { line: "trousseau keyring reindex --config /etc/trousseau/keyring.yaml", does: "with its progress on stderr" },
    ],
    run: async (call) => (await import("./keyring_upkeep.ts")).keyringReindex(call),
  },
  {
    name: "keyring verify",
    summary: "open every record, and compare the parts of the store",
    description:
      "Reads and changes nothing. The exit status is 1 if something does not open or does not fit, or differs from the " +
      `last checkpoint. ${served}`,
    positionals: [file],
    options: ["config", "recovery-key", "json", "log-level"],
    examples: [
      { line: "trousseau keyring verify --config /etc/trousseau/keyring.yaml", does: "after a restore" },
    ],
    run: async (call) => (await import("./keyring_upkeep.ts")).keyringVerify(call),
  },
  {
    name: "keyring ca rotate",
    summary: "make a new certificate authority",
    description:
      `People's certificates are signed by the new one from then on, the server's within 60 days. The old one is trusted for 90 ` +
      `days. ${served}`,
    positionals: [file],
    options: ["config", "json", "log-level"],
    examples: [
      {
        line: "trousseau keyring ca rotate --config /etc/trousseau/keyring.yaml",
        does: "every few years, or after a leak",
      },
    ],
    run: async (call) => (await import("./keyring_upkeep.ts")).keyringCaRotate(call),
  },
] as const satisfies readonly TrousseauCommand[];

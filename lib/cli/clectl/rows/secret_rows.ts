/**
 * The rows of the commands about secrets.
 *
 * @module
 */
import { type ClectlCommand, folderWord, pathWord, usualOptions } from "./clectl_command.ts";

const injecting = ["field", "field-file", "fields", "stdin", "file", "kind", "allow-empty"] as const;

/** The table, in the order of the help. */
export const secretRows = [
  {
    name: "create",
    summary: "store a value that exists already, at a new path",
    description:
      "The value comes from a prompt without echo, which asks twice, from standard input or from a file; never from an " +
      "argument. stderr says which copies of it are left. A path that exists is refused; one that was deleted needs " +
      "undelete, or --cas with its newest version.",
    positionals: [pathWord],
    hidesWords: true,
    options: [...injecting, "label", "labels", "expires", "cas", "quiet", ...usualOptions],
    examples: [
      { line: "clectl create db/prod/john --field password", does: "ask for the value twice" },
      {
        line: "pwqgen | clectl create db/prod/john --field password --stdin",
        does: "take the value from another program",
      },
      {
        line: "clectl create tls/web --field key --file web.key --label team=web",
        does: "take a file, byte for byte",
      },
      {
        line: "clectl create db/prod/app --field password --field-file ca=ca.pem --field-file cert=app.pem",
        does: "several fields: ask for one, and take the others from files",
      },
      {
        line: "clectl create db/prod/ann --fields --stdin < ann.json",
        does: "several fields from a JSON object",
      },
    ],
    run: async (call) => (await import("../commands/inject.ts")).create(call),
  },
  {
    name: "generate",
    summary: "let the server make a value that nobody sees",
    description:
      "Prints path, version and fingerprint, and on stderr the bits of entropy, or the strength of a key pair; never the " +
      "value. A path that exists needs --cas with its newest version, and gets a new one, in which the other fields keep " +
      "their values.",
    positionals: [pathWord],
    options: [
      "generatedField",
      "type",
      "length",
      "classes",
      "symbols",
      "no-lookalikes",
      "words",
      "separator",
      "capitalize",
      "encoding",
      "bits",
      "keyFormat",
      "comment",
      "label",
      "labels",
      "expires",
      "cas",
      "quiet",
      ...usualOptions,
    ],
    examples: [
      { line: "clectl generate db/prod/app --field password --length 32", does: "a password of 32 characters" },
      {
        line: "clectl generate wifi/guests --field passphrase --type passphrase --words 6 --separator _ --capitalize",
        does: "words of a list",
      },
      { line: "clectl generate ssh/deploy --field key --type ed25519 --key-format openssh", does: "a key pair" },
      { line: "clectl generate db/prod/app --field password --cas 1", does: "a new version of a password" },
    ],
    run: async (call) => (await import("../commands/generate.ts")).generateSecret(call),
  },
  {
    name: "get",
    summary: "read the values of a secret",
    description:
      "On a terminal it asks before it shows a value, and prints control characters as \\u…. With one --field, the bytes of " +
      "the value alone go to a file or a pipe. Several paths are printed as one table or list; if one cannot be read, " +
      "nothing is printed.",
    positionals: [{ ...pathWord, many: true }],
    options: ["field", "at", "valueFormat", "dialect", "show", "context", "timeout"],
    examples: [
      { line: "clectl get db/prod/john --field password -o raw --show", does: "one value" },
      { line: "clectl get db/prod/john -o json", does: "all fields for a script" },
      { line: "clectl get db/prod/john -f user -f password -o env", does: "two fields as lines for a shell" },
      { line: "clectl get db/prod/john db/prod/app -o json", does: "several secrets as a list" },
      { line: "clectl get db/prod/john -o env --dialect systemd > john.env", does: "an EnvironmentFile of systemd" },
    ],
    run: async (call) => (await import("../commands/get.ts")).get(call),
  },
  {
    name: "list",
    summary: "list the secrets and folders of a folder",
    description: "Only what the policy permits to list, without values. A folder ends with a slash.",
    positionals: [folderWord],
    options: ["recursive", ...usualOptions],
    examples: [
      { line: "clectl list /", does: "the top folder, as without a path" },
      { line: "clectl list db/ --recursive", does: "all secrets below db/" },
    ],
    run: async (call) => (await import("../commands/list.ts")).list(call),
  },
  {
    name: "update",
    summary: "replace all fields of a secret by a new version",
    description: "The value comes as for create. Fields that are not given are not in the new version: see patch.",
    positionals: [pathWord],
    hidesWords: true,
    options: [...injecting, "expires", "cas", "quiet", ...usualOptions],
    examples: [
      { line: "clectl update db/prod/john --field password --cas 1", does: "fail if the newest version is not 1" },
    ],
    run: async (call) => (await import("../commands/inject.ts")).update(call),
  },
  {
    name: "patch",
    summary: "change some fields, labels, the expiry or the number of kept versions",
    description: "The other fields stay as they are. A value comes as for create.",
    positionals: [pathWord],
    hidesWords: true,
    options: [
      ...injecting,
      "remove-field",
      "label",
      "labels",
      "remove-label",
      "remove-labels",
      "expires",
      "keep",
      "cas",
      "quiet",
      ...usualOptions,
    ],
    examples: [
      {
        line: "clectl patch db/prod/john --field user --stdin < user.txt",
        does: "change one field, and keep the others",
      },
      {
        line: "clectl patch db/prod/john --label team=db --remove-label tier --expires 90d",
        does: "change what is not secret",
      },
    ],
    run: async (call) => (await import("../commands/inject.ts")).patch(call),
  },
  {
    name: "delete",
    summary: "delete a secret, or versions of it, so that undelete can take it back",
    description: "Values stay in the store until they are destroyed or pruned.",
    positionals: [pathWord],
    options: ["versions", "cas", "quiet", ...usualOptions],
    examples: [{ line: "clectl delete db/prod/john", does: "delete all versions" }],
    run: async (call) => (await import("../commands/versions.ts")).deleteSecret(call),
  },
  {
    name: "undelete",
    summary: "take back a deletion",
    description: "All deleted versions, or those of --versions.",
    positionals: [pathWord],
    options: ["versions", "cas", "quiet", ...usualOptions],
    examples: [{ line: "clectl undelete db/prod/john", does: "take back the deletion" }],
    run: async (call) => (await import("../commands/versions.ts")).undelete(call),
  },
  {
    name: "destroy",
    summary: "destroy versions for good",
    description: "It cannot be taken back, except from a backup. It asks first, unless --yes.",
    positionals: [pathWord],
    options: ["versions", "cas", "yes", "quiet", ...usualOptions],
    examples: [{ line: "clectl destroy db/prod/john --versions 1,2 --yes", does: "destroy two versions" }],
    run: async (call) => (await import("../commands/versions.ts")).destroy(call),
  },
  {
    name: "move",
    summary: "move a secret with its history to another path",
    description: "One transaction. It needs the rights to read and write at both paths.",
    positionals: [{ name: "FROM" }, { name: "TO" }],
    options: ["cas", "quiet", ...usualOptions],
    examples: [{ line: "clectl move db/prod/john db/old/john", does: "keep ID and versions" }],
    run: async (call) => (await import("../commands/versions.ts")).move(call),
  },
  {
    name: "history",
    summary: "list the versions of a secret, without values",
    description: "Generated values have a fingerprint, by which two versions are compared without being read.",
    positionals: [pathWord],
    options: usualOptions,
    examples: [{ line: "clectl history db/prod/app", does: "versions with state, time and fields" }],
    run: async (call) => (await import("../commands/versions.ts")).history(call),
  },
  {
    name: "diff",
    summary: "name the fields that differ between two versions",
    description: "Never values. Ends with 1 if a field differs, as diff(1).",
    positionals: [pathWord],
    options: ["from", "upto", "quiet", ...usualOptions],
    examples: [{ line: "clectl diff db/prod/john --from 1 --to 3", does: "compare two versions" }],
    run: async (call) => (await import("../commands/versions.ts")).diff(call),
  },
  {
    name: "watch",
    summary: "print changes below a folder as they happen",
    description:
      "Path, version and kind of change, never values, of secrets with the verbs read and list. It connects again by " +
      "itself, and ends with Ctrl-C.",
    positionals: [folderWord],
    options: usualOptions,
    examples: [{ line: "clectl watch db/prod/ -o json", does: "a JSON document in each line" }],
    run: async (call) => (await import("../commands/watch.ts")).printChanges(call),
  },
  {
    name: "export",
    summary: "read the values of all secrets below a folder",
    description:
      "JSON that import reads, YAML, or lines of an environment by the names of the fields. On a terminal it asks first. " +
      "The file of --to has mode 0600 and is complete or absent.",
    positionals: [folderWord],
    options: ["exportFormat", "dialect", "to", "show", "context", "timeout"],
    examples: [
      { line: "clectl export app/web -o env --dialect systemd --to web.env", does: "an EnvironmentFile of systemd" },
    ],
    run: async (call) => (await import("../commands/export.ts")).exportSecrets(call),
  },
  {
    name: "render",
    summary: "fill the values of secrets into a template",
    description:
      "A template refers to fields as {{ PATH#FIELD }} or {{ PATH#FIELD | json|sh|base64|yaml|urlencode }}. The file of " +
      "--to is replaced in one step, with mode 0600, and stays as it is if a field is unknown. With --watch it is written " +
      "again when a secret in it changes, which needs the verb list too, and a systemd path unit can restart the service " +
      "that reads it.",
    positionals: [{ name: "TEMPLATE", files: true }],
    options: ["to", "watch", "show", "context", "timeout"],
    examples: [
      { line: "clectl render app.conf.tmpl --to app.conf", does: "write the file once" },
      { line: "clectl render app.conf.tmpl --to app.conf --watch", does: "and again after each change" },
    ],
    run: async (call) => (await import("../commands/render.ts")).render(call),
  },
  {
    name: "import",
    summary: "create all secrets of a file, or none",
    description:
      "Reads CSV, XLSX, XLS, JSON, dotenv, the unencrypted exports of KeePass and Bitwarden, Vault's KV, and the output of " +
      "sops. A table has a column path, or folder and title; label:NAME is a label, every other column a field. Cells " +
      "with numbers, dates or formulas are refused by their names, since programs read them differently. The file is " +
      "parsed in a worker without permissions before a connection is made. XLSX and XLS are read by a large library: " +
      "take CSV for files of other people.",
    positionals: [{ name: "FILE", files: true }],
    options: ["importFormat", "below", "path", "sheet", "dry-run", "quiet", ...usualOptions],
    examples: [
      { line: "clectl import passwords.xlsx --below team/db --dry-run", does: "check each row, and write nothing" },
      { line: "clectl import .env --format dotenv --path app/web", does: "one secret with a field for each variable" },
    ],
    run: async (call) => (await import("../commands/import.ts")).importFile(call),
  },
] as const satisfies readonly ClectlCommand[];

/**
 * The options of `clectl`.
 *
 * @module
 */
import { type OptionTable, sharedOptions, type ValuesOf } from "../options.ts";
import type { Call } from "../command.ts";
import type { ClectlTerminal } from "./terminal.ts";

/** The table. */
export const clectlOptions = {
  "json": sharedOptions.json,
  "format": {
    type: "string",
    short: "o",
    long: "output",
    value: "FORMAT",
    choices: ["table", "json", "yaml"],
    summary: "print a table (if not given), or json or yaml for scripts",
  },
  "valueFormat": {
    type: "string",
    short: "o",
    long: "output",
    value: "FORMAT",
    choices: ["table", "json", "yaml", "env", "raw"],
    summary: "print a table, json, yaml, lines of an environment, or the bytes of one field alone",
  },
  "exportFormat": {
    type: "string",
    short: "o",
    long: "output",
    value: "FORMAT",
    choices: ["json", "yaml", "env"],
    summary: "json (if not given), which import reads, yaml, or lines of an environment",
  },
  "dialect": {
    type: "string",
    value: "DIALECT",
    choices: ["posix", "systemd", "docker"],
    summary: "the program that reads -o env: a shell (if not given), systemd or docker",
  },
  "context": {
    type: "string",
    short: "c",
    value: "NAME",
    summary: "the context of the server; see clectl context list",
  },
  "timeout": { type: "string", value: "DURATION", summary: "the longest time of one request; 30s if not given" },
  "field": {
    type: "string",
    short: "f",
    value: "NAME",
    many: true,
    summary: "a field, can be repeated; get shows all fields if not given",
  },
  "generatedField": {
    type: "string",
    short: "f",
    long: "field",
    value: "NAME",
    summary: "the field that gets the generated value",
  },
  "field-file": {
    type: "string",
    value: "NAME=FILE",
    many: true,
    summary: "a field with the bytes of a file, or of a pipe as /dev/fd/N; can be repeated",
  },
  "fields": { type: "boolean", summary: "the input is a JSON object with one member for each field" },
  "kind": {
    type: "string",
    value: "KIND",
    choices: ["text", "json", "bytes"],
    summary: "the kind of all values of this command; text if not given",
  },
  "stdin": { type: "boolean", summary: "read the value from standard input, without a newline at its end" },
  "file": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "read the value from a file, byte for byte, or from a pipe as /dev/fd/N",
  },
  "allow-empty": { type: "boolean", summary: "accept a value of no bytes" },
  "label": {
    type: "string",
    value: "NAME=VALUE",
    many: true,
    summary: "a label, which is not secret; can be repeated",
  },
  "labels": { type: "string", value: "NAME=VALUE,…", summary: "labels with commas between them" },
  "remove-label": { type: "string", value: "NAME", many: true, summary: "a label to take away; can be repeated" },
  "remove-labels": { type: "string", value: "NAME,…", summary: "labels to take away, with commas between them" },
  "remove-field": { type: "string", value: "NAME", many: true, summary: "a field to take away; can be repeated" },
  "expires": { type: "string", value: "TIME", summary: "a time as 2027-01-31T00:00:00Z, a duration as 90d, or never" },
  "keep": { type: "string", value: "NUMBER", summary: "how many versions are kept" },
  "cas": {
    type: "string",
    value: "VERSION",
    summary: "fail unless this is the newest version; 0: the path must be new",
  },
  "at": { type: "string", value: "VERSION", summary: "an older version" },
  "versions": { type: "string", value: "NUMBER,…", summary: "these versions; the newest if not given" },
  "show": { type: "boolean", summary: "show values on a terminal without asking" },
  "yes": { type: "boolean", short: "y", summary: "do not ask for a confirmation" },
  "type": {
    type: "string",
    value: "TYPE",
    choices: ["password", "passphrase", "bytes", "uuid", "ed25519", "x25519", "rsa"],
    summary: "what is generated; password if not given",
  },
  "length": {
    type: "string",
    value: "NUMBER",
    summary: "characters of a password (24 if not given), or bytes of random data (32)",
  },
  "symbols": { type: "string", value: "CHARACTERS", summary: "the symbols that a password may have" },
  "classes": {
    type: "string",
    value: "CLASS=NUMBER,…",
    summary: "the least number of lowercase, uppercase, digits and symbols in a password",
  },
  "no-lookalikes": { type: "boolean", summary: "no characters that are easily taken for another one" },
  "words": { type: "string", value: "NUMBER", summary: "number of words of a passphrase; 6 if not given" },
  "separator": { type: "string", value: "TEXT", summary: "the text between the words of a passphrase; - if not given" },
  "capitalize": { type: "boolean", summary: "each word of a passphrase begins with a capital" },
  "encoding": {
    type: "string",
    value: "ENCODING",
    choices: ["raw", "hex", "base64", "base64url"],
    summary: "the form of random bytes",
  },
  "bits": { type: "string", value: "NUMBER", choices: ["2048", "3072", "4096"], summary: "bits of an RSA key" },
  "keyFormat": {
    type: "string",
    long: "key-format",
    value: "FORMAT",
    choices: ["pem", "openssh"],
    summary: "the form of a key pair",
  },
  "comment": { type: "string", value: "TEXT", summary: "the comment of an OpenSSH key" },
  "recursive": { type: "boolean", short: "r", summary: "with the folders below" },
  "from": { type: "string", value: "VERSION", summary: "the older version; the one before the newest if not given" },
  "upto": { type: "string", long: "to", value: "VERSION", summary: "the newer version; the newest if not given" },
  "to": { type: "string", value: "FILE", files: true, summary: "write this file, in one step and with mode 0600" },
  "watch": { type: "boolean", short: "w", summary: "write the file again when a secret in it changes" },
  "wait": { type: "string", value: "DURATION", summary: "try until the server is well, at most this long" },
  "key-file-kept-elsewhere": {
    type: "boolean",
    summary: "back up although every key lies in a file of the server: a copy of that file is kept in another place",
  },
  "strict": { type: "boolean", summary: "a degraded part ends with 1" },
  "importFormat": {
    type: "string",
    long: "format",
    value: "FORMAT",
    choices: ["csv", "xlsx", "xls", "json", "dotenv", "keepass", "bitwarden", "vault", "sops"],
    summary: "the format of the file; by its name if not given",
  },
  "dry-run": { type: "boolean", short: "n", summary: "say what would be done, and write nothing" },
  "path": { type: "string", value: "PATH", summary: "the path of the secret, for formats that have none" },
  "below": { type: "string", value: "FOLDER", summary: "put all paths of the file below this folder" },
  "sheet": { type: "string", value: "NAME", summary: "the sheet of a workbook; the first if not given" },
  "fingerprint": {
    type: "string",
    value: "HEX",
    summary: "SHA-256 of the authority's public key, as the server printed it",
  },
  "roles": { type: "string", value: "ROLE,…", summary: "roles of the policy" },
  "role": { type: "string", value: "ROLE", summary: "a role of the policy" },
  "ttl": { type: "string", value: "DURATION", summary: "how long the token is valid, at most 90d" },
  "address": { type: "string", value: "ADDRESS", summary: "unix:///PATH or https://HOST:PORT" },
  "ca": { type: "string", value: "FILE", files: true, summary: "the authority of the server, PEM" },
  "token-file": { type: "string", value: "FILE", files: true, summary: "the file with a token, for machines" },
  "kubernetes": { type: "boolean", summary: "log in with the token of a ServiceAccount" },
  "jwt": { type: "boolean", summary: "log in with the token that a CI system gives to a job (OIDC)" },
  "issuer": {
    type: "string",
    value: "NAME",
    summary: "the cluster or issuer in the configuration of the server, if it has several",
  },
  "token-stdin": { type: "boolean", summary: "read the token from standard input" },
  "key": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "the public key of the audit, as audit key printed it",
  },
  "head": {
    type: "string",
    value: "LINES:HASH",
    summary: "a line that the audit must contain, as audit head printed it",
  },
  "quiet": sharedOptions.quiet,
  "version": sharedOptions.version,
  "help": sharedOptions.help,
} as const satisfies OptionTable;

/** The values of the options. */
export type ClectlValues = ValuesOf<typeof clectlOptions>;

/** The argument of a command of `clectl`. */
export type ClectlCall = Call<ClectlValues, ClectlTerminal>;

/**
 * The file `.sops.yaml`, with which sops uses the key service; its comments contain the commands.
 *
 * @module
 */
import { keyUri } from "../../services/sops/key_uri.ts";
import { socketEndpoint } from "../../config/socket_path.ts";

/** The inputs of the file. */
export interface SopsRulesOptions {
  /** Absolute path of the socket. */
  readonly socketPath: string;
  /** The names of the keys, at least one. */
  readonly keys: readonly string[];
  /** Whether the key is in a file on this machine, because there is no configuration. */
  readonly onThisMachine: boolean;
  /** The folder of that key if the system empties it at logout. */
  readonly volatile?: string | undefined;
}

/** The YAML with a newline at its end. */
export function sopsRules({ socketPath, keys, onThisMachine, volatile }: SopsRulesOptions): string {
  const [first = "", ...others] = keys.map(keyUri);
  const endpoint = socketEndpoint(socketPath);
  const lines = [
    "# Encrypt and decrypt files with sops 3.13 or later:",
    "#",
    `#   sops encrypt --enable-local-keyservice=false --keyservice ${shellWord(endpoint)} \\`,
    `#     --hc-vault-transit ${first} --in-place FILE`,
    `#   sops decrypt --enable-local-keyservice=false --keyservice ${shellWord(endpoint)} FILE`,
    "#",
    "# or, for every command after it:",
    "#",
    `#   export SOPS_ENABLE_LOCAL_KEYSERVICE=false SOPS_KEYSERVICE=${shellWord(endpoint)}`,
    "#",
    ...(onThisMachine ? warning : []),
    ...(volatile === undefined ? [] : [
      `# That file is in ${volatile}, which the system empties when this user logs out or the`,
      "# machine restarts: what was encrypted until then can never be read again.",
      "#",
    ]),
    "# This is .sops.yaml, for the top of the repository; then --hc-vault-transit can be left out.",
    "creation_rules:",
    `  - hc_vault_transit_uri: ${first}`,
    ...others.map((uri) => `    # or: ${uri}`),
  ];
  return `${lines.join("\n")}\n`;
}

const warning = [
  "# The key lies in a file on this machine, and files in a repository outlive machines: without that key they cannot",
  "# be read. Configure a KMS before you rely on it.",
  "#",
];

/** The text as one word of a shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * A file system of a few files for tests, and a configuration that is loaded from it.
 *
 * @module
 */
import type { Exposure } from "../../lib/base/credential_file.ts";
import { FileRefusedError } from "../../lib/base/durable_file.ts";
import { KmsError } from "../../lib/base/errors.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { environmentFrom } from "../../lib/config/environment.ts";
import type { FileKind, Files } from "../../lib/config/files.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { systemError } from "./failing_system.ts";

/** The content of the file system: texts or bytes by path, other kinds by path, and the writable folders. */
export interface FakeFiles {
  readonly contents?: Readonly<Record<string, string | Uint8Array>>;
  readonly kinds?: Readonly<Record<string, FileKind>>;
  /** Paths of the same file or folder have equal values. */
  readonly identities?: Readonly<Record<string, string>>;
  /** The access of other users to files; unknown for all other paths. */
  readonly exposures?: Readonly<Record<string, Exposure>>;
  readonly mayWrite?: (path: string) => boolean;
  /** Whether the system permits this user to write to a folder; as `mayWrite` if left out. */
  readonly canWrite?: (folder: string) => boolean;
}

/** Makes the file system. By default, writing is permitted where the compiled program has the permission. */
export function fakeFiles(
  { contents = {}, kinds = {}, identities = {}, exposures = {}, mayWrite = underOurFolders, canWrite = mayWrite }:
    FakeFiles,
): Files {
  return {
    read(path, most) {
      const kind = kinds[path] ?? "file";
      if (kind === "failing") return Promise.reject(systemError("EIO"));
      if (kind === "forbidden") return Promise.reject(new Deno.errors.PermissionDenied(path));
      if (kind !== "file") return Promise.reject(new FileRefusedError("NotARegularFile", path, `it is a ${kind}`));
      const found = contents[path];
      if (found === undefined) return Promise.reject(new Deno.errors.NotFound(path));
      const bytes = typeof found === "string" ? utf8(found) : found;
      if (bytes.length <= most) return Promise.resolve(bytes);
      return Promise.reject(new FileRefusedError("TooLarge", path, `it is larger than ${most / 1024} KiB`));
    },
    kind: (path) => Promise.resolve(kinds[path] ?? (contents[path] === undefined ? "absent" : "file")),
    identity: (path) => Promise.resolve(identities[path]),
    exposure: (path) => Promise.resolve(exposures[path]),
    mayWrite: (path) => Promise.resolve(mayWrite(path)),
    canWrite: (folder) => Promise.resolve(canWrite(folder)),
  };
}

function underOurFolders(path: string): boolean {
  return ["/run/", "/var/run/", "/var/lib/trousseau", "/var/lib/trousseaud"].some((folder) => path.startsWith(folder));
}

/** The path of the configuration of {@linkcode loadFake}. */
export const fakePath = "/etc/trousseau/trousseau.yaml";

/** The files in the configurations of the tests. */
const usualFiles = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nkms:x:998:997::/:/bin/false\nbroken\n",
  "/etc/group": "root:x:0:\nkms:x:997:\n",
  "/etc/trousseau/local.keys": "",
  "/etc/trousseau/token": "token",
  "/etc/trousseau/ca.pem": "",
  "/etc/trousseau/tls.pem": "",
  "/etc/trousseau/tls.key": "",
};

/** Loads a configuration from a text or from bytes. */
export function loadFake(
  config: string | Uint8Array,
  variables: Readonly<Record<string, string>> = {},
  fake: FakeFiles = {},
) {
  const contents = { ...usualFiles, ...fake.contents, [fakePath]: config };
  return loadConfig(fakePath, environmentFrom((name) => variables[name]), fakeFiles({ ...fake, contents }));
}

/** The error lines of a configuration, without the path at the start of each; none if it loads. */
export async function complaints(...given: Parameters<typeof loadFake>): Promise<readonly string[]> {
  try {
    await loadFake(...given);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof KmsError) || thrown.code !== "config") throw thrown;
    return thrown.message.split("\n").map((line) => line.replace(`${fakePath}:`, ""));
  }
}

/** The provider of one local key, as a line beside those under test. */
export const localProvider = "providers: [{ kind: local, name: local, keyFile: local.keys }]\n";

/** The provider of one Vault key. `lines` are added inside the provider, which begins at line 2 and column 5. */
export function vaultProvider(lines: string, auth = "{ method: token, token: { file: token } }"): string {
  return `providers:\n  - kind: vault-transit\n    name: vault\n    key: k\n    auth: ${auth}\n${lines}\n`;
}

/** The provider of one key in Azure Key Vault. Its `auth` is in line 4. */
export function azureProvider(lines: string, auth = "{ method: managed-identity }"): string {
  return `providers:\n  - kind: azure-key-vault\n    name: azure\n    auth: ${auth}\n${lines}\n`;
}

/** The provider of another plugin. Its socket is in line 4. */
export function pluginProvider(socket: string, name = "hsm"): string {
  return `providers:\n  - kind: kms-plugin\n    name: ${name}\n    socket: ${socket}\n`;
}

/** The provider of one key in AWS KMS. Its `auth` is in line 4. */
export function awsProvider(lines: string, auth = "{ method: instance-metadata }"): string {
  return `providers:\n  - kind: aws-kms\n    name: aws\n    auth: ${auth}\n${lines}\n`;
}

/** The provider of one key in Google Cloud KMS. Its `auth` is in line 4. */
export function gcpProvider(lines: string, auth = "{ method: metadata-server }"): string {
  return `providers:\n  - kind: gcp-kms\n    name: gcp\n    auth: ${auth}\n${lines}\n`;
}

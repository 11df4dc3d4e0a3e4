/**
 * The EncryptionConfiguration with which kube-apiserver starts to encrypt, or with which it ends it. Both need a file from
 * which one can go back: it reads values of a KMS plugin and writes none.
 *
 * @module
 */
import { dirname, isAbsolute } from "node:path";
import { utf8 } from "../../base/bytes.ts";
import { readCredentialFile } from "../../base/credential_file.ts";
import { KmsError } from "../../base/errors.ts";
import { type EncryptionFile, readEncryptionFile } from "../../config/encryption/file.ts";
import { maxSocketPath, pathOfEndpoint } from "../../config/socket_path.ts";
import { readTextFile } from "../../config/text_file.ts";
import { UsageError } from "../command.ts";

/** Where the documentation has the file. */
const defaultFile = "/etc/kubernetes/enc/config.yaml";

/** The path of the file: that of the option, or the documented one. @throws {UsageError} for a relative path. */
export function encryptionFilePath(given: string | undefined): string {
  if (given !== undefined && !isAbsolute(given)) {
    throw new UsageError("--encryption-config is an absolute path: kube-apiserver gets the same one.", "apiserver");
  }
  return given ?? defaultFile;
}

/**
 * The sockets of the plugins in a file with which kube-apiserver can begin.
 *
 * @throws {KmsError} `config` if the file is not there, if kube-apiserver would refuse it, if it writes encrypted values, and
 *   if it has no plugin or one that cannot be reached.
 */
export async function socketsToEnable(path: string): Promise<readonly string[]> {
  const file = await read(path).catch((thrown: unknown) => {
    if (thrown instanceof KmsError && thrown.cause instanceof Deno.errors.NotFound) throw absent(path);
    throw thrown;
  });
  const [doubt] = file.doubts;
  if (doubt !== undefined) throw unusable(path, doubt);
  if (writesEncrypted(file)) {
    throw unusable(
      path,
      "It encrypts at once, and no way back would be left; begin with the output of encryption-config --identity first.",
    );
  }
  const endpoints = file.entries.flatMap(({ providers }) => providers).flatMap((one) =>
    one.kind === "kms" ? [one.endpoint] : []
  );
  const sockets = [...new Set(endpoints)].map((endpoint) => pathOfEndpoint(endpoint) ?? endpoint);
  if (sockets.length === 0) throw unusable(path, "It has no kms provider; make it with trousseau encryption-config.");
  const socket = sockets.find((one) => utf8(one).length > maxSocketPath);
  if (socket === undefined) return sockets;
  throw unusable(path, `The socket ${socket} has more than ${maxSocketPath} bytes, all that a socket can have.`);
}

/**
 * Refuses a file that writes encrypted values: without it, kube-apiserver could read none of them.
 *
 * @throws {KmsError} `config`, also if the file cannot be read.
 */
export async function refuseEncrypting(path: string): Promise<void> {
  if (!writesEncrypted(await read(path))) return;
  throw unusable(
    path,
    "It encrypts, and without it kube-apiserver could not read what it has written; go back to plain text first " +
      "(docs/migrate.md).",
  );
}

async function read(path: string): Promise<EncryptionFile> {
  return readEncryptionFile(path, await readTextFile(path, readCredentialFile));
}

/** The first provider of a list writes. */
function writesEncrypted({ entries }: EncryptionFile): boolean {
  return entries.some(({ providers }) => providers[0]?.kind !== "identity");
}

function absent(path: string): KmsError {
  return unusable(
    path,
    `It is not there; make it, as root: mkdir -p -m 0700 ${dirname(path)} && (umask 077; trousseau encryption-config ` +
      `--identity first > ${path})`,
  );
}

function unusable(path: string, why: string): KmsError {
  return new KmsError("config", `Cannot take ${path} for kube-apiserver: ${why}`);
}

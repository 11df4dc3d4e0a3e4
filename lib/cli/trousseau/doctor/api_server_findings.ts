/**
 * The findings about kube-apiserver: its flags, its mounts and its EncryptionConfiguration.
 *
 * @module
 */
import { dirname } from "node:path";
import type { ApiServerStart } from "../../../config/apiserver/api_server.ts";
import { featureGate, flagValue, goBoolean } from "../../../config/apiserver/flags.ts";
import type { HostFiles } from "../../../config/apiserver/host_files.ts";
import { hostPathOf, isMountPoint } from "../../../config/apiserver/static_pod.ts";
import {
  type EncryptionEntry,
  type EncryptionFile,
  type KmsEntry,
  readEncryptionFile,
} from "../../../config/encryption/file.ts";
import { pathOfEndpoint, socketEndpoint } from "../../../config/socket_path.ts";
import { KmsError } from "../../../base/errors.ts";
import { entryFindings } from "./encryption_findings.ts";
import { type DoctorFinding, found } from "./finding.ts";
import { octalText } from "./node_folders.ts";

/** The inputs. */
export interface ApiServerSubject {
  /** `undefined` if none was found on this node. */
  readonly start: ApiServerStart | undefined;
  /** The file of `--encryption-config`, instead of the one that the flags name. */
  readonly given: string | undefined;
  /** Path of the plugin's socket; `undefined` if the configuration is invalid. */
  readonly socket: string | undefined;
  readonly files: HostFiles;
}

/** Examines kube-apiserver. */
export async function apiServerFindings(subject: ApiServerSubject): Promise<readonly DoctorFinding[]> {
  const { start, given, files } = subject;
  if (start === undefined && given === undefined) return [found("apiserver-absent", {})];
  const inFlags = start === undefined ? undefined : flagValue(start.flags, "encryption-provider-config");
  const path = start?.path ?? "kube-apiserver";
  const named = given ?? inFlags;
  if (named === undefined) return [found("encryption-off", { path })];
  const onNode = given ?? (start?.pod === undefined ? named : hostPathOf(start.pod, named));
  if (onNode === undefined) return [found("encryption-unmounted", { path, file: named })];
  const read = await encryptionFile(onNode, files);
  if (!("entries" in read)) return read.findings;
  const ours = await pluginProviders(read, subject);
  const ofFile = [
    ...read.doubts.map((message) => found("encryption-doubt", { file: onNode, message })),
    ...await exposure(onNode, read, files),
    ...entryFindings(onNode, read.entries, ours.map(({ name }) => name)),
  ];
  const ofFlags = start === undefined ? [] : flagFindings(start, onNode, read);
  const faults = [...endpointFindings(onNode, read, ours[0], subject), ...ofFile, ...ofFlags];
  if (faults.some(({ severity }) => severity === "bad")) return faults;
  const endpoint = subject.socket === undefined ? "its endpoint" : socketEndpoint(subject.socket);
  return [found("apiserver-found", { path, file: onNode, endpoint }), ...faults];
}

type EncryptionRead = EncryptionFile | { readonly findings: readonly DoctorFinding[] };

async function encryptionFile(path: string, files: HostFiles): Promise<EncryptionRead> {
  const text = await files.text(path);
  if (text === undefined) {
    const message = `The EncryptionConfiguration ${path} is not there or may not be read by this user.`;
    return { findings: [found("encryption-unreadable", { file: path, message })] };
  }
  try {
    return readEncryptionFile(path, text);
  } catch (thrown) {
    if (!(thrown instanceof KmsError)) throw thrown;
    const message = thrown.message.replaceAll("\n", "; ");
    return { findings: [found("encryption-unreadable", { file: path, message })] };
  }
}

/**
 * The providers at the plugin's socket, or every `kms` provider if the socket is unknown. A path of the container is
 * compared by the place on the node that is mounted there, without links: `/var/run` is one to `/run`.
 */
async function pluginProviders(
  { entries }: EncryptionFile,
  { start, socket, files }: ApiServerSubject,
): Promise<readonly KmsEntry[]> {
  const all = kmsProviders(entries);
  if (socket === undefined) return all;
  const wanted = await files.real(socket);
  const isOurs = await Promise.all(all.map(async ({ endpoint }) => {
    const path = pathOfEndpoint(endpoint);
    if (path === undefined) return false;
    const onNode = start?.pod === undefined ? path : hostPathOf(start.pod, path) ?? path;
    return await files.real(onNode) === wanted;
  }));
  return all.filter((_, index) => isOurs[index]);
}

function kmsProviders(entries: readonly EncryptionEntry[]): readonly KmsEntry[] {
  return entries.flatMap(({ providers }) => providers).filter((one) => one.kind === "kms");
}

function endpointFindings(
  file: string,
  { entries }: EncryptionFile,
  ours: KmsEntry | undefined,
  { start, socket }: ApiServerSubject,
): readonly DoctorFinding[] {
  if (socket === undefined) return [];
  if (ours === undefined) {
    const endpoints = [...new Set(kmsProviders(entries).map(({ endpoint }) => endpoint))].join(", ");
    const texts = { file, endpoint: socketEndpoint(socket), found: endpoints || "no kms provider" };
    return [found("endpoint-missing", texts)];
  }
  return start?.pod === undefined ? [] : mountFindings(start, pathOfEndpoint(ours.endpoint) ?? socket);
}

function mountFindings({ path, pod }: ApiServerStart, socket: string): readonly DoctorFinding[] {
  const mounts = pod?.mounts ?? [];
  if (isMountPoint({ mounts }, socket)) return [found("socket-mounted-alone", { path, socket })];
  return hostPathOf({ mounts }, dirname(socket)) === undefined ? [found("socket-unmounted", { path, socket })] : [];
}

/** A file with keys of its own must not be readable for others. */
async function exposure(
  path: string,
  { entries }: EncryptionFile,
  files: HostFiles,
): Promise<readonly DoctorFinding[]> {
  const hasKeys = entries.some(({ providers }) => providers.some(({ kind }) => kind !== "kms" && kind !== "identity"));
  const stat = await files.stat(path);
  if (!hasKeys || typeof stat === "string" || (stat.mode & 0o004) === 0) return [];
  return [found("encryption-exposed", { file: path, mode: octalText(stat.mode) })];
}

function flagFindings(
  { path, flags, by, pod }: ApiServerStart,
  file: string,
  read: EncryptionFile,
): readonly DoctorFinding[] {
  const old = kmsProviders(read.entries).filter(({ apiVersion }) => apiVersion === "v1");
  const inFlags = flagValue(flags, "encryption-provider-config");
  const hasGate = featureGate(flags, "KMSv1") === true;
  const reloads = goBoolean(flagValue(flags, "encryption-provider-config-automatic-reload") ?? "false") === true;
  return [
    ...[...new Set(old.map(({ name }) => name))].map((name) =>
      found(hasGate ? "api-v1" : "api-v1-gate", { name, file })
    ),
    ...(hasGate && old.length === 0 ? [found("gate-left", { path, file })] : []),
    ...(pod !== undefined && inFlags !== undefined && isMountPoint(pod, inFlags)
      ? [found("encryption-mounted-alone", { path, file: inFlags })]
      : []),
    // k3s and RKE2 set the flag themselves if they make the file.
    ...(reloads || ((by === "k3s" || by === "rke2") && file.endsWith("/server/cred/encryption-config.json"))
      ? []
      : [found("reload-off", { path, file })]),
  ];
}

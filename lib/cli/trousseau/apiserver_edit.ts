/**
 * `trousseau apiserver enable` and `trousseau apiserver undo`
 *
 * Both print the edited manifest and write nothing: the program has no permission to write below `/etc`, so that one that
 * was taken over cannot change the node. `deploy/kubernetes/apiserver.sh` puts the output in its place.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { dialKms } from "../../api/kms/client.ts";
import { withEncryption, withoutEncryption } from "../../config/apiserver/manifest_edit.ts";
import { readApiServerPod } from "../../config/apiserver/static_pod.ts";
import { apiServerManifest, encryptionConfigIn, type NamedEncryptionFile } from "../../config/encryption/manifest.ts";
import { readTextFile } from "../../config/text_file.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { line } from "../terminal.ts";
import { encryptionFilePath, refuseEncrypting, socketsToEnable } from "./apiserver_files.ts";
import { probeKms } from "./kms_probe.ts";
import type { TrousseauCall } from "./terminal.ts";

/** The folder of RKE2's manifests ends so, wherever its data lies. */
const rke2Manifests = /\/agent\/pod-manifests\/[^/]*$/;

/** Prints the manifest with encryption. */
export async function apiserverEnable({ options, terminal }: TrousseauCall): Promise<ExitStatus> {
  const path = manifestPath(options.manifest);
  const file = encryptionFilePath(options["encryption-file"]);
  const manifest = await readTextFile(path);
  const sockets = await socketsToEnable(file);
  const edited = withEncryption(path, manifest, { file, sockets, reload: options["automatic-reload"] ?? false });
  for (const socket of sockets) await refuseSilent(socket, terminal.signal);
  terminal.stdout.write(edited);
  const user = readApiServerPod(manifest)?.user ?? 0;
  if (user !== 0) {
    line(
      terminal.stderr,
      `trousseau: kube-apiserver runs as user ${user}: it has to read ${file} and to connect to ${
        sockets.join(" and ")
      }.`,
    );
  }
  return exitCodes.ok.status;
}

/** Prints the manifest without encryption. */
export async function apiserverUndo({ options, terminal }: TrousseauCall): Promise<ExitStatus> {
  const path = manifestPath(options.manifest);
  const file = encryptionFilePath(options["encryption-file"]);
  const manifest = await readTextFile(path);
  const edited = withoutEncryption(path, manifest, file);
  const named = encryptionConfigIn(manifest);
  if (named !== undefined) await refuseEncrypting(onNode(path, named));
  terminal.stdout.write(edited);
  if (named !== undefined) {
    line(
      terminal.stderr,
      "trousseau: etcd may still hold encrypted values, which kube-apiserver cannot read without encryption: before you " +
        "use this manifest, trousseau verify must count none.",
    );
  }
  return exitCodes.ok.status;
}

/** The manifest to edit. @throws {KmsError} `config` for one that would be overwritten. */
function manifestPath(given: string = apiServerManifest): string {
  if (!rke2Manifests.test(given)) return given;
  throw new KmsError(
    "config",
    `Cannot edit ${given}: RKE2 writes it anew at each start; put flag and mounts into ` +
      "/etc/rancher/rke2/config.yaml.d/trousseau.yaml (docs/deploy/rke2.md).",
  );
}

function onNode(path: string, { inContainer, onNode }: NamedEncryptionFile): string {
  if (onNode !== undefined) return onNode;
  throw new KmsError(
    "config",
    `Cannot edit ${path}: no folder of the node is mounted at ${inContainer} of kube-apiserver's container, so that it ` +
      "is not known whether that file encrypts; take the flag out by hand.",
  );
}

/** An API server with a plugin that does not answer would not become ready. */
async function refuseSilent(socket: string, signal: AbortSignal): Promise<void> {
  await using client = dialKms(socket);
  const { steps } = await probeKms(client, signal);
  const failed = steps.find(({ result }) => result !== "ok" && result !== "off");
  if (failed === undefined) return;
  throw new KmsError(
    "unreachable",
    `kube-apiserver would not become ready with the plugin at ${socket}: ${failed.detail}`,
  );
}

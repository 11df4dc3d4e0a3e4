/**
 * `trousseau apiserver ready`
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";
import { abortError, deadline, sleep } from "../../base/deadline.ts";
import { formatDuration, parseDuration } from "../../base/duration.ts";
import { KmsError } from "../../base/errors.ts";
import type { ClusterAccess } from "../../cluster/apiserver/access.ts";
import { ApiServerClient } from "../../cluster/apiserver/api_server_client.ts";
import { readFlags } from "../../config/apiserver/flags.ts";
import { hostFiles } from "../../config/apiserver/host_files.ts";
import { readApiServerPod } from "../../config/apiserver/static_pod.ts";
import { apiServerManifest } from "../../config/encryption/manifest.ts";
import { readKubeconfig } from "../../config/kubeconfig.ts";
import { readTextFile } from "../../config/text_file.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { startProgress } from "../progress.ts";
import { line } from "../terminal.ts";
import { localApiServerAuthority, localApiServerName, localApiServerOrigin } from "./local_api_server.ts";
import { encryptionInManifest, type ServerEncryption } from "./manifest_encryption.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Milliseconds to wait if `--timeout` is not given: a restart by kubelet takes up to a minute. */
const defaultReadyMs = 180_000;

/** Milliseconds for one answer, and between two of them. */
const lookMs = 5_000;
const pauseMs = 500;

const action = "ask kube-apiserver whether it is ready";

/** Waits until the kube-apiserver of this node is ready. */
export async function apiserverReady(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const ms = options.timeout === undefined ? defaultReadyMs : parseDuration(options.timeout);
  if (ms === undefined || ms === 0) {
    throw new UsageError("--timeout is a duration, as in 500ms, 30s or 2m.", "apiserver");
  }
  const manifest = options.manifest ?? apiServerManifest;
  const encrypts = options.encrypts === "manifest" ? await encryptionInManifest(manifest) : options.encrypts;
  const access = await localAccess(manifest, options.kubeconfig);
  using client = await ApiServerClient.open(access, action);
  const origin = access.server.origin;
  using _progress = startProgress(terminal, `Waiting for kube-apiserver at ${origin}, ${formatDuration(ms)} at most`);
  await waitUntilReady(client, { origin, ms, encrypts }, terminal.signal);
  line(terminal.stdout, `kube-apiserver at ${origin} is ready${endings[encrypts ?? "any"]}.`);
  return exitCodes.ok.status;
}

const endings = {
  yes: " and has a KMS plugin",
  reloading: " and reads a changed EncryptionConfiguration",
  no: " and has no KMS plugin",
  any: "",
} as const;

/** The check of each plugin, and the one for all of them where kube-apiserver reads changed files. */
const pluginCheck = /^kms-provider(s|-\d+)$/;
const reloadingCheck = "kms-providers";

/** The awaited condition. */
interface Wanted {
  readonly origin: string;
  readonly ms: number;
  readonly encrypts: ServerEncryption | undefined;
}

async function waitUntilReady(client: ApiServerClient, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const { origin, ms, encrypts } = wanted;
  using limit = deadline(ms, signal);
  let why: string | undefined = "it did not answer";
  while (!limit.signal.aborted) {
    const found = await whyNotReady(client, encrypts, limit.signal);
    if (found === undefined) return;
    // An answer that the end of the waiting cut off says less than the one before it.
    if (!limit.signal.aborted) why = found;
    await sleep(pauseMs, limit.signal);
  }
  if (signal.aborted) throw abortError(signal, action);
  throw new KmsError("unreachable", `kube-apiserver at ${origin} is not ready after ${formatDuration(ms)}: ${why}.`);
}

/**
 * The reason why it is not as wanted, as the end of a sentence. A server that has not restarted yet is ready too; the check
 * of its plugin distinguishes both.
 */
export async function whyNotReady(
  client: ApiServerClient,
  encrypts: ServerEncryption | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  using limit = deadline(lookMs, signal);
  try {
    const request = { method: "GET", path: "/readyz?verbose", accept: "text/plain", once: true } as const;
    const { status, bytes } = await client.ask(request, { signal: limit.signal, action });
    if (status === 401 || status === 403) return "it answers this login with a refusal; name one with --kubeconfig";
    const checks = [...(utf8Text(bytes) ?? "").matchAll(/^\[([+-])\]([A-Za-z0-9/_-]{1,80}) /gm)];
    const failed = checks.flatMap(([, sign, name = ""]) => sign === "-" ? [name] : []);
    if (status !== 200) return `it answers ${status}${[...new Set(failed)].map((name) => ` -${name}`).join("")}`;
    const names = checks.map(([, , name = ""]) => name);
    const state = names.includes(reloadingCheck)
      ? "reloading"
      : names.some((name) => pluginCheck.test(name))
      ? "yes"
      : "no";
    return isState(state, encrypts) ? undefined : `it has not restarted with the new manifest (${shown[state]})`;
  } catch (thrown) {
    if (thrown instanceof KmsError) return thrown.message.replace(/\.$/, "");
    throw thrown;
  }
}

/** The state of a server that is not as wanted. */
const shown = {
  yes: "it has a KMS plugin",
  reloading: "it has a KMS plugin and reads changed files",
  no: "it has no KMS plugin",
} as const;

function isState(state: ServerEncryption, wanted: ServerEncryption | undefined): boolean {
  return wanted === undefined || state === wanted || (wanted === "yes" && state === "reloading");
}

/** This node's server, and never a load balancer: with the login of a kubeconfig, or with none. @throws {KmsError} `config` */
export async function localAccess(path: string, kubeconfig: string | undefined): Promise<ClusterAccess> {
  const pod = readApiServerPod(await readTextFile(path));
  if (pod === undefined) throw new KmsError("config", `${path} is no manifest of kube-apiserver.`);
  const flags = readFlags(pod.words);
  const local = { server: new URL(localApiServerOrigin(flags)), serverName: localApiServerName };
  if (kubeconfig !== undefined) return { ...await readKubeconfig(kubeconfig), ...local };
  const ca = await localApiServerAuthority(flags, pod, hostFiles("/"));
  if (ca === undefined) {
    throw new KmsError("config", `${path} has no --client-ca-file that can be read; name a --kubeconfig.`);
  }
  return { source: path, ...local, ca, certificate: undefined, key: undefined, token: undefined };
}

/**
 * A script of typical operations on Secrets and ConfigMaps with `kubectl`, with a transcript that can be compared.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { Cluster } from "./cluster.ts";
import { Process, waitFor } from "../../support/processes.ts";

/** The values that the script stores. They are random, so that none can be in etcd by chance. */
export interface Values {
  readonly password: string;
  readonly rotated: string;
  readonly systemToken: string;
  readonly registryPassword: string;
  readonly storageKey: string;
  readonly newStorageKey: string;
  readonly setting: string;
  readonly newSetting: string;
  readonly patched: string;
  readonly sealedForEver: string;
}

/** Makes random values. */
export function drawValues(): Values {
  const draw = () => `value-${randomBytes(15).toString("base64url")}`;
  return {
    password: draw(),
    rotated: draw(),
    systemToken: draw(),
    registryPassword: draw(),
    storageKey: draw(),
    newStorageKey: draw(),
    setting: draw(),
    newSetting: draw(),
    patched: draw(),
    sealedForEver: draw(),
  };
}

/** The values that exist until the script deletes everything. */
export function lastingValues(values: Values): string[] {
  const { rotated, systemToken, registryPassword, newStorageKey, newSetting, patched, sealedForEver } = values;
  return [rotated, systemToken, registryPassword, newStorageKey, newSetting, patched, sealedForEver];
}

const labels = { "e2e": "script" };
const watched = ["-l", "e2e=script"];

/**
 * Runs the script.
 *
 * @param beforeDelete called when everything has been written and nothing deleted.
 * @returns the transcript: commands, their output and exit status, without parts that differ between runs.
 */
export async function runScript(cluster: Cluster, values: Values, beforeDelete: () => Promise<void>): Promise<string> {
  const transcript: string[] = [];
  const kubectl = async (args: readonly string[], stdin?: unknown) => {
    const { code, stdout, stderr } = await cluster.kubectl(args, stdin);
    transcript.push(`$ kubectl ${args.join(" ")}`, comparable(stdout), stderr.trimEnd(), `exit ${code}`);
  };
  await using secrets = await Watch.start(cluster, "secrets");
  await using configMaps = await Watch.start(cluster, "configmaps");
  for (const [args, stdin] of writes(values)) await kubectl(args, stdin);
  await beforeDelete();
  for (const args of deletions) await kubectl(args);
  for (const watch of [secrets, configMaps]) transcript.push(`watched ${watch.kind}`, await watch.untilDeleted());
  return transcript.join("\n");
}

/** Replaces the values in a transcript with their names, for messages of failures. */
export function withoutValues(transcript: string, values: Values): string {
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(value, `<${name}>`), transcript);
}

type Step = readonly [args: readonly string[], stdin?: unknown];

function writes(values: Values): Step[] {
  const show = (kind: string, name: string): Step => [["get", kind, name, "-o", "json"]];
  const pullSecret = [
    ...["--docker-server=registry.example", "--docker-username=ci", "--docker-email=ci@example"],
    `--docker-password=${values.registryPassword}`,
  ];
  return [
    [[
      "create",
      "secret",
      "generic",
      "opaque",
      "--from-literal=user=app",
      `--from-literal=password=${values.password}`,
    ]],
    show("secret", "opaque"),
    [["create", "secret", "generic", "opaque", "--from-literal=user=app"]],
    [["label", "secret", "opaque", "e2e=script"]],
    [["patch", "secret", "opaque", "-p", JSON.stringify({ stringData: { password: values.rotated } })]],
    [["patch", "secret", "opaque", "--type=merge", "-p", JSON.stringify({ stringData: { more: values.patched } })]],
    [["patch", "secret", "opaque", "--type=json", "-p", '[{"op":"remove","path":"/data/user"}]']],
    [["annotate", "secret", "opaque", "note=annotated"]],
    show("secret", "opaque"),
    [["get", "secret", "opaque", "-o", "jsonpath={.data.password}"]],

    [["create", "secret", "generic", "system", "-n", "kube-system", `--from-literal=token=${values.systemToken}`]],
    [["get", "secret", "system", "-n", "kube-system", "-o", "json"]],

    [["create", "secret", "docker-registry", "pull", ...pullSecret]],
    [["label", "secret", "pull", "e2e=script"]],
    show("secret", "pull"),

    [["apply", "-f", "-"], storageSecret(values.storageKey)],
    [["apply", "-f", "-"], storageSecret(values.storageKey)],
    [["apply", "-f", "-"], storageSecret(values.newStorageKey)],
    show("secret", "csi-node"),

    [["apply", "-f", "-"], immutableSecret(values.sealedForEver)],
    [["patch", "secret", "immutable", "-p", JSON.stringify({ stringData: { key: "changed" } })]],

    [["create", "configmap", "settings", `--from-literal=setting=${values.setting}`]],
    [["label", "configmap", "settings", "e2e=script"]],
    [["patch", "configmap", "settings", "-p", JSON.stringify({ data: { setting: values.newSetting } })]],
    show("configmap", "settings"),
    [["apply", "-f", "-"], configMap(values.setting)],
    [["apply", "-f", "-"], configMap(values.newSetting)],
    show("configmap", "applied"),

    [["get", "secrets", "-A", "-o", "name", ...watched]],
    [["get", "configmaps", "-A", "-o", "name", ...watched]],
  ];
}

const deletions = [
  ["delete", "secret", "opaque", "pull", "csi-node", "immutable"],
  ["delete", "secret", "system", "-n", "kube-system"],
  ["delete", "secret", "opaque"],
  ["get", "secret", "opaque"],
  ["delete", "configmap", "settings", "applied"],
  ["get", "secrets,configmaps", "-A", "-o", "name", ...watched],
] as const;

// The Secret of a storage driver's node plugin: a custom type, base64 in `data`, written by `apply`, which stores a copy
// in an annotation.
function storageSecret(key: string): unknown {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "csi-node", labels: { ...labels, "storage.example/managed": "true" } },
    type: "storage.example/credentials",
    data: { userID: btoa("csi-node"), userKey: btoa(key) },
  };
}

function immutableSecret(key: string): unknown {
  const metadata = { name: "immutable", labels };
  return { apiVersion: "v1", kind: "Secret", metadata, immutable: true, stringData: { key } };
}

function configMap(setting: string): unknown {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "applied", labels }, data: { setting } };
}

// Objects are compared without values that differ between clusters.
function comparable(stdout: string): string {
  if (!stdout.startsWith("{")) return stdout.trimEnd();
  const object = JSON.parse(stdout);
  for (const field of ["uid", "resourceVersion", "creationTimestamp", "managedFields"]) delete object.metadata[field];
  return JSON.stringify(object, null, 2);
}

/** `kubectl get --watch` on the labelled objects of one kind. */
class Watch implements AsyncDisposable {
  readonly kind: string;
  readonly #process: Process;

  private constructor(kind: string, process: Process) {
    this.kind = kind;
    this.#process = process;
  }

  /** Starts a watch, and waits until it has reported a first object and its deletion. */
  static async start(cluster: Cluster, kind: string): Promise<Watch> {
    const process = new Process({
      name: `kubectl get ${kind} --watch`,
      command: "kubectl",
      args: ["get", kind, "--watch", "--output-watch-events", "-o", eventLine, ...watched],
      env: cluster.kubectlEnv,
    });
    const watch = new Watch(kind, process);
    try {
      await cluster.server.request("POST", `/api/v1/namespaces/default/${kind}`, {
        metadata: { name: "first", labels },
      });
      await watch.#until("ADDED first");
      await cluster.server.request("DELETE", `/api/v1/namespaces/default/${kind}/first`);
      await watch.#until("DELETED first");
      return watch;
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its output, up to the deletion of the script's last object. */
  async untilDeleted(): Promise<string> {
    await this.#until(this.kind === "secrets" ? "DELETED pull" : "DELETED applied");
    await this.#until(this.kind === "secrets" ? "DELETED immutable" : "DELETED settings");
    return this.#process.output.trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill();
  }

  async #until(line: string): Promise<void> {
    const timeoutMs = 30_000;
    await waitFor(`"${line}"`, () => this.#process.output.includes(line), { timeoutMs, alive: [this.#process] });
  }
}

const eventLine = 'jsonpath={.type} {.object.metadata.name} {.object.data}{"\\n"}';

/**
 * The manifest of kube-apiserver's static pod: its command line, its user, and its mounts of the node's folders.
 *
 * @module
 */
import { posix } from "node:path";
import { readYaml } from "../../base/yaml_positions.ts";
import { withoutVarRun } from "../socket_path.ts";
import { wordsIn } from "./flags.ts";

/** A volume of the node that is mounted into the container. */
export interface HostMount {
  /** In the container. */
  readonly mountPath: string;
  /** On the node. */
  readonly hostPath: string;
}

/** The container of kube-apiserver. */
export interface ApiServerPod {
  readonly words: readonly string[];
  readonly mounts: readonly HostMount[];
  /** `runAsUser` and `runAsGroup`; `undefined` if the pod does not set them. */
  readonly user: number | undefined;
  readonly group: number | undefined;
  /** `supplementalGroups` and `fsGroup`. */
  readonly moreGroups: readonly number[];
}

/** `undefined` if the text is no manifest of a pod with kube-apiserver in it. */
export function readApiServerPod(manifest: string): ApiServerPod | undefined {
  const { value, problems } = readYaml(manifest);
  if (problems.length > 0) return undefined;
  const spec = member(value, "spec");
  const container = items(member(spec, "containers")).find(isApiServer);
  if (container === undefined) return undefined;
  const contexts = [member(container, "securityContext"), member(spec, "securityContext")];
  const number = (name: string) => contexts.map((one) => member(one, name)).find((one) => typeof one === "number");
  const groups = [...items(member(contexts[1], "supplementalGroups")), member(contexts[1], "fsGroup")];
  return {
    words: wordsOf(container),
    mounts: mountsOf(container, spec),
    user: number("runAsUser"),
    group: number("runAsGroup"),
    moreGroups: groups.filter((one) => typeof one === "number"),
  };
}

/** The path on the node of a path in the container; `undefined` if no folder of the node is mounted there. */
export function hostPathOf(pod: Pick<ApiServerPod, "mounts">, path: string): string | undefined {
  const wanted = withoutVarRun(path);
  const holds = ({ mountPath }: HostMount) =>
    wanted === mountPath || wanted.startsWith(`${mountPath.replace(/\/$/, "")}/`);
  const mounts = pod.mounts.map((mount) => ({ ...mount, mountPath: withoutVarRun(mount.mountPath) }));
  const [mount] = mounts.filter(holds).toSorted((a, b) => b.mountPath.length - a.mountPath.length);
  return mount === undefined ? undefined : posix.join(mount.hostPath, wanted.slice(mount.mountPath.length));
}

/** Whether something of the node is mounted at this path itself, and not at a folder above it. */
export function isMountPoint(pod: Pick<ApiServerPod, "mounts">, path: string): boolean {
  return pod.mounts.some(({ mountPath }) => withoutVarRun(mountPath) === withoutVarRun(path));
}

/** The words of the container; a script of `sh -c` is split into its words. */
function wordsOf(container: unknown): readonly string[] {
  const words = [...texts(member(container, "command")), ...texts(member(container, "args"))];
  return words.flatMap((word) => /\s/.test(word) && word.includes("kube-apiserver") ? wordsIn(word) : [word]);
}

function isApiServer(container: unknown): boolean {
  return member(container, "name") === "kube-apiserver" ||
    wordsOf(container).some((word) => /(^|\/)kube-apiserver$/.test(word));
}

function mountsOf(container: unknown, spec: unknown): readonly HostMount[] {
  const volumes = items(member(spec, "volumes"));
  return items(member(container, "volumeMounts")).flatMap((mount) => {
    const volume = volumes.find((one) => member(one, "name") === member(mount, "name"));
    const [mountPath, hostPath] = [member(mount, "mountPath"), member(member(volume, "hostPath"), "path")];
    if (typeof mountPath !== "string" || typeof hostPath !== "string") return [];
    const sub = member(mount, "subPath");
    return [{
      mountPath: posix.normalize(mountPath).replace(/(?<=.)\/$/, ""),
      hostPath: posix.join(hostPath, typeof sub === "string" ? sub : "").replace(/(?<=.)\/$/, ""),
    }];
  });
}

function texts(value: unknown): readonly string[] {
  return items(value).filter((one) => typeof one === "string");
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The own member of a mapping; `undefined` for anything else. */
function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

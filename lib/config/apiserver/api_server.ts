/**
 * Finds the command line of kube-apiserver on a node: kubeadm's static pod, RKE2's static pod, the configuration of k3s
 * and RKE2, or a service of systemd.
 *
 * @module
 */
import { basename } from "node:path";
import { readYaml } from "../../base/yaml_positions.ts";
import { accountFiles } from "../accounts.ts";
import { apiServerManifest } from "../encryption/manifest.ts";
import { type ApiServerFlags, flagValue, goBoolean, readFlags, wordsIn } from "./flags.ts";
import type { HostFiles } from "./host_files.ts";
import { type ApiServerPod, readApiServerPod } from "./static_pod.ts";
import { type HostUnit, startWords } from "./units.ts";

/** A kube-apiserver, as the files of its node start it. */
export interface ApiServerStart {
  /** The file with its command line. */
  readonly path: string;
  readonly by: "static pod" | "k3s" | "rke2" | "systemd" | "file";
  readonly flags: ApiServerFlags;
  /** Its container; `undefined` if it runs in none. */
  readonly pod: ApiServerPod | undefined;
  /** Numbers of its user and groups; root's if its files name none. */
  readonly user: number;
  readonly groups: readonly number[];
  /** The service that starts it, or that starts its container. */
  readonly service: string;
}

/** Where RKE2 writes the manifest. */
const rke2Manifest = "/var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml";

/** The distributions whose configuration has `kube-apiserver-arg`. */
const rancher = {
  rke2: { folder: "/etc/rancher/rke2", state: "/var/lib/rancher/rke2", service: "rke2-server.service" },
  k3s: { folder: "/etc/rancher/k3s", state: "/var/lib/rancher/k3s", service: "k3s.service" },
} as const;

/** The number of a user without rights of its own. */
const nobody = 65534;

const rancherNames = ["rke2", "k3s"] as const;

/** The first kube-apiserver that is found; `undefined` if there is none. */
export async function findApiServer(
  files: HostFiles,
  units: readonly HostUnit[],
): Promise<ApiServerStart | undefined> {
  const isRke2 = await files.text(rke2Manifest) !== undefined;
  return await podAt(apiServerManifest, "kubelet.service", files) ??
    (isRke2 ? await podAt(rke2Manifest, rancher.rke2.service, files) : undefined) ??
    await fromRancher(files, units) ??
    await fromUnits(files, units);
}

/** The kube-apiserver of a text with its arguments: a copy of `/proc/PID/cmdline`, or words. */
export function apiServerOfWords(path: string, text: string): ApiServerStart {
  return asRoot({ path, by: "file", flags: readFlags(wordsIn(text)), pod: undefined, service: "kubelet.service" });
}

async function podAt(path: string, service: string, files: HostFiles): Promise<ApiServerStart | undefined> {
  const text = await files.text(path);
  const pod = text === undefined ? undefined : readApiServerPod(text);
  if (pod === undefined) return undefined;
  const { user = 0, group = 0, moreGroups } = pod;
  const groups = [group, ...moreGroups];
  return { path, by: "static pod", flags: readFlags(pod.words), pod, user, groups, service };
}

async function fromRancher(files: HostFiles, units: readonly HostUnit[]): Promise<ApiServerStart | undefined> {
  for (const by of rancherNames) {
    const { folder, state, service } = rancher[by];
    const config = await rancherConfig(folder, files);
    const unit = units.find(({ name }) => name === service);
    if (config === undefined && unit === undefined) continue;
    const words = unit === undefined ? [] : (await startWords(unit, files)).flat();
    const onLine = readFlags(words);
    const given = [...config?.args ?? [], ...onLine.get("kube-apiserver-arg") ?? []];
    const encrypts = goBoolean(flagValue(onLine, "secrets-encryption") ?? `${config?.encrypts}`) === true;
    const own = encrypts ? [`encryption-provider-config=${state}/server/cred/encryption-config.json`] : [];
    const flags = readFlags([...own, ...given].map(wholeFlag));
    return asRoot({ path: config?.path ?? unit?.path ?? folder, by, flags, pod: undefined, service });
  }
  return undefined;
}

/** An argument of `kube-apiserver-arg` has the dashes or not; without a value it counts as true. */
function wholeFlag(argument: string): string {
  const dashed = argument.startsWith("--") ? argument : `--${argument}`;
  return dashed.includes("=") ? dashed : `${dashed}=true`;
}

interface RancherConfig {
  readonly path: string;
  readonly args: readonly string[];
  readonly encrypts: boolean;
}

/** `config.yaml`, then the files of `config.yaml.d` in order; a key with `+` adds to an earlier one. */
async function rancherConfig(folder: string, files: HostFiles): Promise<RancherConfig | undefined> {
  const more = (await files.names(`${folder}/config.yaml.d`)).filter((name) => /\.ya?ml$/.test(name));
  const paths = [`${folder}/config.yaml`, ...more.map((name) => `${folder}/config.yaml.d/${name}`)];
  let found: RancherConfig | undefined;
  for (const path of paths) {
    const value = valueIn(await files.text(path));
    if (value === undefined) continue;
    const { "kube-apiserver-arg": set, "kube-apiserver-arg+": added, "secrets-encryption": encrypts } = value;
    const args = set === undefined ? found?.args ?? [] : wordList(set);
    found = {
      path: set === undefined && added === undefined ? found?.path ?? path : path,
      args: [...args, ...wordList(added)],
      encrypts: encrypts === undefined ? found?.encrypts ?? false : isTrue(encrypts),
    };
  }
  return found;
}

function valueIn(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  const value: unknown = text === undefined ? undefined : readYaml(text).value;
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

/** A value of the configuration goes to a flag as its text. */
function isTrue(value: unknown): boolean {
  return value === true || value === 1 || (typeof value === "string" && goBoolean(value) === true);
}

function wordList(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((one) => typeof one === "string");
}

async function fromUnits(files: HostFiles, units: readonly HostUnit[]): Promise<ApiServerStart | undefined> {
  for (const unit of units) {
    const words = (await startWords(unit, files)).find((one) => basename(one[0] ?? "") === "kube-apiserver");
    if (words === undefined) continue;
    const start = { path: unit.path, by: "systemd", flags: readFlags(words.slice(1)), pod: undefined } as const;
    return { ...start, ...await accountOf(unit, files), service: unit.name };
  }
  return undefined;
}

/** The numbers of `User=`, `Group=` and `SupplementaryGroups=`; a user that the node's files do not have counts as nobody. */
async function accountOf(unit: HostUnit, files: HostFiles): Promise<Pick<ApiServerStart, "user" | "groups">> {
  const written = (name: string) => unit.values("Service", name).flatMap((value) => value.split(/\s+/));
  const [user = "root", group] = [written("User").at(-1), written("Group").at(-1)];
  const passwd = await rowsOf(accountFiles.owner, files);
  const account = user === "root"
    ? ["root", "x", "0", "0"]
    : passwd.find(([name, , number]) => name === user || number === user);
  const groups = await rowsOf(accountFiles.group, files);
  const numbers = [group, ...written("SupplementaryGroups")].flatMap((name) =>
    groups.filter((row) => row[0] === name || row[2] === name).map((row) => Number(row[2]))
  );
  const memberOf = groups.filter((row) => row[3]?.split(",").includes(user)).map((row) => Number(row[2]));
  const own = group === undefined && account !== undefined ? [Number(account[3])] : [];
  return { user: Number(account?.[2] ?? nobody), groups: [...own, ...numbers, ...memberOf] };
}

async function rowsOf(path: string, files: HostFiles): Promise<readonly (readonly string[])[]> {
  return (await files.text(path) ?? "").split("\n").map((line) => line.split(":"))
    .filter(([, , number]) => /^\d{1,10}$/.test(number ?? ""));
}

function asRoot(start: Omit<ApiServerStart, "user" | "groups">): ApiServerStart {
  return { ...start, user: 0, groups: [0] };
}

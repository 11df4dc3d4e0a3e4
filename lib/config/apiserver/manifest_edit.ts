/**
 * Adds the flags and mounts of encryption to the manifest of kube-apiserver's static pod, and takes them away again. Every
 * other byte of the manifest stays as it is.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { KmsError } from "../../base/errors.ts";
import { readYaml } from "../../base/yaml_positions.ts";
import { hasAnchors } from "../encryption/document.ts";
import { Problems } from "../problems.ts";
import { flagValue, goBoolean, readFlags } from "./flags.ts";
import {
  appendItem,
  type ManifestItem,
  type ManifestList,
  type ManifestLists,
  manifestLists,
  withEdits,
  withoutItems,
} from "./manifest_lists.ts";
import {
  type EncryptionFiles,
  isOwnMount,
  manifestScalar,
  missingMounts,
  mountLines,
  mountValue,
  volumeLines,
  volumeValue,
} from "./manifest_mounts.ts";
import { type ApiServerPod, readApiServerPod } from "./static_pod.ts";

const configFlag = "encryption-provider-config";
const reloadFlag = "encryption-provider-config-automatic-reload";

/** A manifest that could be read. */
interface Manifest {
  readonly path: string;
  readonly text: string;
  readonly lists: ManifestLists;
  readonly pod: ApiServerPod;
}

/**
 * Adds the flags, mounts and volumes that are missing.
 *
 * @param path of the manifest, for messages.
 * @returns the same text if nothing is missing.
 * @throws {KmsError} `config` for a manifest of an unknown form, for another EncryptionConfiguration, and for a folder that
 *   cannot be mounted.
 */
export function withEncryption(path: string, text: string, files: EncryptionFiles): string {
  const manifest = readManifest(path, text);
  const mounts = missingMounts(manifest, files);
  const flags = missingFlags(manifest, files);
  const { lists } = manifest;
  const written = withEdits(text, [
    ...flags.map((flag) => appendItem(text, lists.flags, [manifestScalar(flag)])),
    ...mounts.map((mount) => appendItem(text, lists.mounts, mountLines(mount))),
    ...mounts.map((mount) => appendItem(text, lists.volumes, volumeLines(mount))),
  ]);
  return checked(manifest, written, {
    flags: (items) => [...items, ...flags],
    mounts: (items) => [...items, ...mounts.map(mountValue)],
    volumes: (items) => [...items, ...mounts.map(volumeValue)],
  });
}

/**
 * Takes away the flags of encryption and the mounts and volumes that {@linkcode withEncryption} adds.
 *
 * @param file the EncryptionConfiguration that the flag names.
 * @returns the same text if there is nothing to take away.
 * @throws {KmsError} `config` for a manifest of an unknown form, and if kube-apiserver uses another file.
 */
export function withoutEncryption(path: string, text: string, file: string): string {
  const manifest = readManifest(path, text);
  refuseOtherFile(manifest, file);
  const { flags, mounts, volumes } = manifest.lists;
  const isOurs = {
    flags: ({ value }: ManifestItem) => isEncryptionFlag(value),
    mounts: ({ value }: ManifestItem) => isOwnMount(value),
    volumes: ({ value }: ManifestItem) => isOwnMount(value),
  };
  const ours = [
    ...flags.items.filter(isOurs.flags),
    ...mounts.items.filter(isOurs.mounts),
    ...volumes.items.filter(isOurs.volumes),
  ];
  const written = withoutItems(text, ours);
  refuseFlagsLeft(path, written);
  const kept = (list: ManifestList, drop: (item: ManifestItem) => boolean) => () =>
    list.items.filter((item) => !drop(item)).map(({ value }) => value);
  return checked(manifest, written, {
    flags: kept(flags, isOurs.flags),
    mounts: kept(mounts, isOurs.mounts),
    volumes: kept(volumes, isOurs.volumes),
  });
}

function readManifest(path: string, text: string): Manifest {
  const yaml = readYaml(text);
  const problems = new Problems(path, yaml.position);
  for (const { position, text } of yaml.problems) problems.atPosition(position, text);
  if (yaml.value === undefined) return problems.fail();
  problems.throwIfAny();
  if (hasAnchors(text)) throw unknownForm(path, "it has anchors (&) or aliases (*)");
  const pod = readApiServerPod(text);
  const lists = manifestLists(text);
  if (typeof lists === "string") throw unknownForm(path, lists);
  if (pod === undefined) throw unknownForm(path, "it is no pod of kube-apiserver");
  return { path, text, lists, pod };
}

function missingFlags({ path, pod }: Manifest, { file, reload }: EncryptionFiles): readonly string[] {
  const flags = readFlags(pod.words);
  const given = flags.get(configFlag) ?? [];
  const other = given.find((one) => one !== file);
  if (other !== undefined) {
    throw new KmsError(
      "config",
      `Cannot edit ${path}: kube-apiserver has --${configFlag}=${other} already, and another file would make ` +
        "what it has encrypted unreadable; docs/migrate.md leads from that file to Trousseau.",
    );
  }
  const reloads = flagValue(flags, reloadFlag);
  if (reload && reloads !== undefined && goBoolean(reloads) !== true) {
    throw new KmsError("config", `Cannot edit ${path}: it has --${reloadFlag}=${reloads}; take that line out first.`);
  }
  return [
    ...(given.length === 0 ? [`--${configFlag}=${file}`] : []),
    ...(reload && reloads === undefined ? [`--${reloadFlag}=true`] : []),
  ];
}

function refuseOtherFile({ path, pod }: Manifest, file: string): void {
  const other = (readFlags(pod.words).get(configFlag) ?? []).find((one) => one !== file);
  if (other === undefined) return;
  throw new KmsError(
    "config",
    `Cannot edit ${path}: kube-apiserver uses ${other}, and not ${file}; name its file by --encryption-config.`,
  );
}

/** A flag in two words, or in another list than the edited one; kube-apiserver does not start with one of both alone. */
function refuseFlagsLeft(path: string, written: string): void {
  const flags = readFlags(readApiServerPod(written)?.words ?? []);
  const left = [configFlag, reloadFlag].find((flag) => flags.has(flag));
  if (left !== undefined) throw unknownForm(path, `--${left} and its value are not one item of the list of flags`);
}

/** Whether an item is a whole flag. kube-apiserver takes both separators, and a boolean flag without a value. */
function isEncryptionFlag(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const [, written = "", joined] = /^--([\w-]+)(=[\s\S]*)?$/.exec(value) ?? [];
  const name = written.replaceAll("_", "-");
  return name === reloadFlag || (name === configFlag && joined !== undefined);
}

/** New items by list; a function gets the values of the items before the edit. */
type Expected = Readonly<Record<"flags" | "mounts" | "volumes", (items: readonly unknown[]) => readonly unknown[]>>;

/** Reads the edited text again and compares it, value by value, with the old one and the change. */
function checked({ path, text, lists }: Manifest, written: string, expected: Expected): string {
  const [before, after] = [readYaml(text), readYaml(written)];
  const edited = manifestLists(written);
  const names = ["flags", "mounts", "volumes"] as const;
  const isAsPlanned = after.problems.length === 0 && typeof edited !== "string" &&
    names.every((name) =>
      isDeepStrictEqual(
        edited[name].items.map(({ value }) => value),
        expected[name](lists[name].items.map(({ value }) => value)),
      )
    );
  const others = (value: unknown) => withoutLists(value, lists.flagsField);
  if (isAsPlanned && isDeepStrictEqual(others(before.value), others(after.value))) return written;
  throw unknownForm(path, "an edit of it cannot be verified");
}

/** A copy of a manifest without the lists that an edit changes. */
function withoutLists(value: unknown, flags: "args" | "command"): unknown {
  return JSON.parse(JSON.stringify(value), function (this: unknown, key, member) {
    if (key === "spec") return { ...member, volumes: [] };
    const isServer = member?.name === "kube-apiserver" && Array.isArray(this);
    return isServer ? { ...member, [flags]: [], volumeMounts: [] } : member;
  });
}

function unknownForm(path: string, why: string): KmsError {
  return new KmsError(
    "config",
    `Cannot edit ${path}: ${why}; add the flag and the mounts by hand (docs/install.md).`,
  );
}

/**
 * The unit of systemd that starts the plugin, and its order.
 *
 * @module
 */
import { basename } from "node:path";
import type { HostFiles } from "../../../config/apiserver/host_files.ts";
import { type HostUnit, listedUnits, startWords } from "../../../config/apiserver/units.ts";
import { type DoctorFinding, found } from "./finding.ts";

/** The folder of static pods that kubeadm gives to kubelet. */
const podFolder = "/etc/kubernetes/manifests";

/** The folders with links to units that systemd starts. */
const enabledFolders = ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"] as const;

/**
 * Examines the unit.
 *
 * @param service the one that starts kube-apiserver.
 */
export async function unitFindings(
  service: string,
  units: readonly HostUnit[],
  files: HostFiles,
): Promise<readonly DoctorFinding[]> {
  const unit = await unitOfPlugin(units, files);
  if (unit === undefined) {
    const pod = await podOfPlugin(files);
    return [pod === undefined ? found("unit-absent", {}) : found("unit-pod", { path: pod })];
  }
  const waits = units.find(({ name }) => name === service);
  const isBefore = listedUnits(unit, "Before").includes(service) ||
    (waits !== undefined && listedUnits(waits, "After").includes(unit.name));
  const order = found(isBefore ? "unit-ordered" : "unit-unordered", { unit: unit.name, service });
  return await isEnabled(unit.name, units, files) ? [order] : [order, found("unit-disabled", { unit: unit.name })];
}

async function unitOfPlugin(units: readonly HostUnit[], files: HostFiles): Promise<HostUnit | undefined> {
  for (const unit of units) {
    const lines = await startWords(unit, files);
    if (lines.some(([program = "", command]) => basename(program) === "trousseau" && command === "serve")) return unit;
  }
  return undefined;
}

async function podOfPlugin(files: HostFiles): Promise<string | undefined> {
  for (const name of await files.names(podFolder)) {
    const text = await files.text(`${podFolder}/${name}`) ?? "";
    if (/^\s*-?\s*["']?(\S*\/)?trousseau["']?,?$/m.test(text) || /\bimage:\s*\S*trousseau/.test(text)) {
      return `${podFolder}/${name}`;
    }
  }
  return undefined;
}

/** Whether a target or another unit starts it: by a link in a folder `.wants` or `.requires`, or by its own lines. */
async function isEnabled(unit: string, units: readonly HostUnit[], files: HostFiles): Promise<boolean> {
  const wanted = units.some((one) =>
    ["Wants", "Requires", "BindsTo", "Upholds"].some((kind) => listedUnits(one, kind).includes(unit))
  );
  if (wanted) return true;
  for (const folder of enabledFolders) {
    const links = (await files.names(folder)).filter((name) => /\.(wants|requires|upholds)$/.test(name));
    for (const link of links) if ((await files.names(`${folder}/${link}`)).includes(unit)) return true;
  }
  return false;
}

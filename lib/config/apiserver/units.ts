/**
 * Services of systemd on a node, from their unit files and drop-ins.
 *
 * The rules are those of systemd.unit(5) and systemd.syntax(7): a unit in an earlier folder replaces one of the same
 * name, drop-ins of all folders are added in the order of their names, and an empty value empties a list.
 *
 * @module
 */
import type { HostFiles } from "./host_files.ts";
import { environmentIn } from "./environment_file.ts";
import { wordsIn } from "./flags.ts";

/** The folders in systemd's order. */
const unitFolders = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
] as const;

/** A service. */
export interface HostUnit {
  /** For instance `kubelet.service`. */
  readonly name: string;
  /** The unit file. */
  readonly path: string;
  /** The values of a setting in order, after the last empty one. */
  values(section: string, name: string): readonly string[];
}

interface Setting {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/** All services of a node, sorted by their names. */
export async function hostUnits(files: HostFiles): Promise<readonly HostUnit[]> {
  const places = new Map<string, string>();
  for (const folder of unitFolders) {
    for (const name of await files.names(folder)) {
      if (name.endsWith(".service") && !places.has(name)) places.set(name, `${folder}/${name}`);
    }
  }
  const units = await Promise.all([...places].map(([name, path]) => readUnit(name, path, files)));
  return units.filter((unit) => unit !== undefined).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The words of each `ExecStart=` without prefixes; variables of `Environment=` and `EnvironmentFile=` are filled in. */
export async function startWords(unit: HostUnit, files: HostFiles): Promise<readonly (readonly string[])[]> {
  const lines = unit.values("Service", "ExecStart");
  const variables = lines.some((line) => line.includes("$")) ? await variablesOf(unit, files) : new Map();
  return lines.map((line) =>
    wordsIn(line.replace(/^[-@:+!|]+/, "")).flatMap((word) => {
      const [, alone] = /^\$(\w+)$/.exec(word) ?? [];
      if (alone !== undefined) return wordsIn(variables.get(alone) ?? "");
      return [word.replace(/\$\{(\w+)\}/g, (_, name: string) => variables.get(name) ?? "")];
    })
  );
}

/** The names in a setting that lists units, for instance `Before`. */
export function listedUnits(unit: HostUnit, name: string): readonly string[] {
  return unit.values("Unit", name).flatMap((value) => value.split(/\s+/)).filter((one) => one !== "");
}

async function readUnit(name: string, path: string, files: HostFiles): Promise<HostUnit | undefined> {
  const own = await files.text(path);
  // A masked unit is a link to /dev/null.
  if (own === undefined) return undefined;
  const settings = [own, ...await dropIns(name, files)].flatMap(settingsIn);
  return {
    name,
    path,
    values(section, name) {
      const found = settings.filter((one) => one.section === section && one.name === name).map(({ value }) => value);
      return found.slice(found.lastIndexOf("") + 1);
    },
  };
}

async function dropIns(name: string, files: HostFiles): Promise<readonly string[]> {
  const places = new Map<string, string>();
  for (const folder of unitFolders) {
    for (const file of await files.names(`${folder}/${name}.d`)) {
      if (file.endsWith(".conf") && !places.has(file)) places.set(file, `${folder}/${name}.d/${file}`);
    }
  }
  const sorted = [...places].sort(([a], [b]) => a < b ? -1 : 1);
  const texts = await Promise.all(sorted.map(([, path]) => files.text(path)));
  return texts.filter((text) => text !== undefined);
}

function settingsIn(text: string): readonly Setting[] {
  const settings: Setting[] = [];
  let section = "";
  for (const line of logicalLines(text).map((line) => line.trim())) {
    const [, header] = /^\[(.+)\]$/.exec(line) ?? [];
    const [, name, value] = /^([A-Za-z][\w-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (header !== undefined) section = header;
    else if (name !== undefined && value !== undefined) settings.push({ section, name, value });
  }
  return settings;
}

/** Lines without comments; a backslash at the end of a line continues it, over comments between them. */
function logicalLines(text: string): readonly string[] {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*[#;]/.test(line));
  return lines.join("\n").replace(/\\\n/g, " ").split("\n");
}

async function variablesOf(unit: HostUnit, files: HostFiles): Promise<ReadonlyMap<string, string>> {
  const paths = unit.values("Service", "EnvironmentFile").map((path) => path.replace(/^-/, ""));
  const texts = await Promise.all(paths.map((path) => files.text(path)));
  const own = unit.values("Service", "Environment").flatMap(wordsIn).flatMap((word): [string, string][] => {
    const [, name, value = ""] = /^(\w+)=([\s\S]*)$/.exec(word) ?? [];
    return name === undefined ? [] : [[name, value]];
  });
  return new Map([...own, ...texts.flatMap((text) => [...environmentIn(text ?? "")])]);
}

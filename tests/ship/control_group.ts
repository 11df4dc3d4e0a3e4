/**
 * A control group of its own for a machine, so that two machines do not share one.
 *
 * @module
 */
import { join } from "node:path";

/** The group in each hierarchy that a systemd manages: the unified one, and systemd's own beside version 1. */
export class ControlGroup implements AsyncDisposable {
  readonly #folders: readonly string[];

  private constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /**
   * Makes it.
   *
   * @throws {Error} unless this process may make control groups.
   */
  static async make(name: string): Promise<ControlGroup> {
    const folders = (await hierarchies()).map((hierarchy) => join(hierarchy, name));
    for (const folder of folders) await Deno.mkdir(folder);
    return new ControlGroup(folders);
  }

  /** Shell commands by which a shell puts itself into the group. */
  get entry(): string {
    return this.#folders.map((folder) => `echo $$ > ${join(folder, "cgroup.procs")}`).join("; ");
  }

  /** Removes it and the groups in it, which hold no process any more; nothing the second time. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of this.#folders) await removeGroups(folder);
  }
}

async function hierarchies(): Promise<string[]> {
  const mounts = (await Deno.readTextFile("/proc/self/mounts")).split("\n").map((line) => line.split(" "));
  const managed = mounts.filter(([, , type = "", options = ""]) =>
    type === "cgroup2" || options.includes("name=systemd")
  );
  if (managed.length === 0) {
    throw new Error("Cannot boot a machine: no control group file system is mounted below /sys/fs/cgroup.");
  }
  return managed.map(([, place = ""]) => place);
}

async function removeGroups(folder: string): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (entries === undefined) return;
  for (const { name, isDirectory } of entries) if (isDirectory) await removeGroups(join(folder, name));
  await Deno.remove(folder);
}

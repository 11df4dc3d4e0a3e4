/**
 * The program as a process of another user, with the permissions of the binary. It runs from a bundle, which needs no cache
 * of root. The tests run as root, which is required to start it.
 *
 * @module
 */
import { runFlags } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";
import { Process } from "./processes.ts";

/** IDs of users and groups that do not exist on a machine. `serviceUser` represents the user of the unit. */
export const serviceUser = 64_001;

/** A bundle in its own folder, which every user can read. */
export class Users {
  readonly folder: string;
  readonly #entry: string;

  private constructor(folder: string, entry: string) {
    this.folder = folder;
    this.#entry = entry;
  }

  static async stage(): Promise<Users> {
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o755);
    return new Users(folder, (await stage(folder)).entry);
  }

  /** Starts `trousseau` with `words` as a user. It has the permission to write below `folder`. */
  start(user: number, folder: string, ...words: string[]): Process {
    const program = [Deno.execPath(), ...runFlags(), `--allow-write=${folder}`, this.#entry, ...words];
    const become = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--bounding-set=-all"];
    const [command = "", ...args] = user === 0 ? program : ["setpriv", ...become, ...program];
    return new Process({
      name: `trousseau of user ${user}`,
      command,
      args,
      cwd: folder,
      env: { DENO_DIR: `${this.folder}/cache-${user}`, DENO_NO_UPDATE_CHECK: "1" },
    });
  }
}

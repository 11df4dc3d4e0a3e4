/**
 * The program as a process of another user, with the permissions of the binary: a bundle that needs no cache of root's.
 * Only root can start one, as which the tests run.
 *
 * @module
 */
import { runFlags } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";
import { Process } from "./processes.ts";

/** Users and groups that no machine has: `serviceUser` stands for the user of the unit. */
export const serviceUser = 64_001;

/** A bundle in a folder of its own, which every user may read. */
export class Users {
  readonly folder: string;
  readonly #bundle: string;

  private constructor(folder: string, bundle: string) {
    this.folder = folder;
    this.#bundle = bundle;
  }

  static async stage(): Promise<Users> {
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o755);
    const { bundle } = await stage(folder);
    await Deno.chmod(bundle, 0o644);
    return new Users(folder, bundle);
  }

  /** Starts `trousseau` with `words` as the user; it may write below `folder`. */
  start(user: number, folder: string, ...words: string[]): Process {
    const program = [Deno.execPath(), ...runFlags(), `--allow-write=${folder}`, this.#bundle, ...words];
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

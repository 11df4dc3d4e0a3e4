/**
 * Images of a release as the tools of the field see them: copied by skopeo, unpacked by umoci, run by runc.
 *
 * They need root and Debian's packages `skopeo`, `umoci` and `runc`.
 *
 * @module
 */
import { join } from "node:path";
import { run } from "../support/processes.ts";

/** The part of a runtime bundle's `config.json` that is read. */
interface BundleConfig {
  readonly process: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly user: { readonly uid: number; readonly gid: number };
  };
  readonly mounts: readonly unknown[];
  readonly [field: string]: unknown;
}

/** The end of a program. */
interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a tool. @returns the standard output.
 *
 * @throws {Error} with its output, unless it ends with 0.
 */
export async function tool(name: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(name, args).catch((cause) => {
    throw new Error(`Cannot try the images: install Debian's package ${name}.`, { cause });
  });
  if (code !== 0) throw new Error(`${name} ended with ${code}.\n${(stdout + stderr).slice(-4000)}`);
  return stdout;
}

/** An unpacked image with the configuration that its own settings give. */
export class ImageBundle {
  /** The folder with `rootfs` and `config.json`. */
  readonly folder: string;
  readonly config: BundleConfig;

  private constructor(folder: string, config: BundleConfig) {
    this.folder = folder;
    this.config = config;
  }

  /** Unpacks the image of one machine. @param folder is made. */
  static async unpack(archive: string, tag: string, machine: string, folder: string): Promise<ImageBundle> {
    const layout = `${folder}.layout`;
    const copy = ["copy", "--quiet", "--override-arch", machine];
    await tool("skopeo", ...copy, `oci-archive:${archive}:${tag}`, `oci:${layout}:one`);
    await tool("umoci", "unpack", "--image", `${layout}:one`, folder);
    return new ImageBundle(folder, JSON.parse(await Deno.readTextFile(join(folder, "config.json"))));
  }

  /** A path of the image on this machine. */
  path(inside: string): string {
    return join(this.folder, "rootfs", inside);
  }

  /**
   * Runs the image read-only, as its own user.
   *
   * @param args all words of the command line.
   * @param binds folders of this machine that it sees read-only, by their paths in there.
   */
  async run(args: readonly string[], binds: Readonly<Record<string, string>> = {}): Promise<ProgramEnd> {
    const { process, mounts, ...rest } = this.config;
    const bound = Object.entries(binds).map(([destination, source]) => (
      { destination, source, type: "bind", options: ["rbind", "ro"] }
    ));
    const config = {
      ...rest,
      root: { path: "rootfs", readonly: true },
      process: { ...process, args, terminal: false, env: [...process.env, "DENO_NO_UPDATE_CHECK=1", "NO_COLOR=1"] },
      mounts: [...mounts, ...bound],
    };
    await Deno.writeTextFile(join(this.folder, "config.json"), JSON.stringify(config));
    const name = `trousseau-${crypto.randomUUID().slice(0, 8)}`;
    return await run("runc", ["--root", `${this.folder}.state`, "run", "--bundle", this.folder, name]);
  }
}

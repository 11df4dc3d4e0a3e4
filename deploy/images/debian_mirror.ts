/**
 * The mirror of Debian that packages come from.
 *
 * @module
 */
import { compileEnvironment } from "../compile/environment.ts";

/** The variable that names a mirror. */
const mirrorVariable = "DEBIAN_MIRROR";

/**
 * The address of a mirror without the slash and the `debian` at its end: the one of `DEBIAN_MIRROR`, or the one that
 * this machine's apt uses.
 *
 * @throws {Error} if neither names one.
 */
export async function debianMirror(given = Deno.env.get(mirrorVariable)): Promise<string> {
  if (given !== undefined && given !== "") {
    if (/^https?:\/\/[^\s?#]+$/.test(given)) return given.replace(/\/+$/, "");
    throw new Error(`Cannot use ${mirrorVariable}: "${given}" is no address that begins with http:// or https://.`);
  }
  for (const address of await addressesOfApt()) {
    const [, mirror] = /^(https?:\/\/\S+?)\/+debian\/*$/.exec(address) ?? [];
    if (mirror !== undefined) return mirror;
  }
  throw new Error(
    "Cannot fetch packages of Debian: this machine's apt names no mirror of it. " +
      `Set ${mirrorVariable} to the address of one, without /debian at its end.`,
  );
}

async function addressesOfApt(): Promise<readonly string[]> {
  const args = ["indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages"];
  const command = new Deno.Command("apt-get", { args, clearEnv: true, env: compileEnvironment(), stderr: "null" });
  const output = await command.output().catch((thrown: unknown) => {
    // A machine of another distribution has no apt.
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  });
  return output?.success ? new TextDecoder().decode(output.stdout).split("\n") : [];
}

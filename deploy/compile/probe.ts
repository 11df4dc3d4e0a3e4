/**
 * A program that tries out the permissions that it was compiled with.
 *
 * @module
 */
import { join } from "node:path";
import { type Artefact, bakedFlags } from "./artefacts.ts";
import type { Base } from "./base.ts";
import { compileEnvironment } from "./environment.ts";
import { deno } from "./stage.ts";
import { inTemporaryFolder } from "./temporary.ts";

/** Whether each thing that the probe tries is permitted. */
export type ProbeResult = Readonly<Record<string, boolean>>;

// Nothing is left behind where a try succeeds against the table. The network is not tried: a connection needs a peer.
const tries = `{
  "run a process": () => new Deno.Command("true").output(),
  "load a library": () => Deno.dlopen("/nowhere.so", {}),
  "import remote code": () => import("https://127.0.0.1:9/module.js"),
  "read a file": () => Deno.readTextFile("/etc/passwd"),
  "read the machine's name": () => Deno.hostname(),
  "write to /etc": () => Deno.open("/etc/passwd/none", { write: true }),
  "read any variable": () => { if (Deno.env.get("TROUSSEAU_PROBE") === undefined) throw new Deno.errors.NotCapable(); },
  "listen on every interface": () => Deno.listen({ port: 0, hostname: "0.0.0.0" }).close(),
}`;

/** The module of the probe. It prints a {@linkcode ProbeResult}. */
export const probeModule = `const result = {};
for (const [name, attempt] of Object.entries(${tries})) {
  try { await attempt(); result[name] = true; }
  catch (thrown) {
    // A dynamic import wraps the refusal in a TypeError.
    result[name] = !(thrown instanceof Deno.errors.NotCapable || /^Requires import access/.test(thrown.message));
  }
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result)));
`;

/** The result that the table of permissions demands. */
export function expectedProbe({ permissions }: Pick<Artefact, "permissions">): ProbeResult {
  const { run, ffi, read, write, net } = permissions;
  return {
    "run a process": run === "all",
    "load a library": ffi === "all",
    "import remote code": permissions.import === "all",
    "read a file": read === "all",
    "read the machine's name": false,
    "write to /etc": write === "all",
    "read any variable": false,
    "listen on every interface": net === "all",
  };
}

/** The difference between a result and the table, in one sentence; `undefined` if there is none. */
export function probeProblem(artefact: Artefact, result: ProbeResult): string | undefined {
  const expected = Object.entries(expectedProbe(artefact));
  const wrong = expected.filter(([name, allowed]) => result[name] !== allowed).map(([name, allowed]) =>
    `${name} (${allowed ? "refused" : result[name] === undefined ? "not tried" : "permitted"})`
  );
  if (wrong.length === 0) return undefined;
  return `Cannot use the binaries of ${artefact.name}: their permissions differ from the table: ${wrong.join(", ")}.`;
}

/** Starts a probe and reads its result. @throws {Error} if it prints none. */
export async function runProbe(program: string, args: readonly string[] = []): Promise<ProbeResult> {
  const command = new Deno.Command(program, {
    args: [...args],
    clearEnv: true,
    env: compileEnvironment({ TROUSSEAU_PROBE: "set" }),
    signal: AbortSignal.timeout(30_000),
  });
  const { stdout, stderr } = await command.output();
  try {
    return JSON.parse(new TextDecoder().decode(stdout));
  } catch {
    throw new Error(`Cannot try out the permissions: ${new TextDecoder().decode(stderr).trim() || "no output"}`);
  }
}

/**
 * Compiles the probe with the flags of an artefact, and runs it on this machine.
 *
 * @param base a `denort` for this machine.
 * @throws {Error} if a permission differs from the table.
 */
export async function checkPermissions(artefact: Artefact, base: Base): Promise<void> {
  await inTemporaryFolder({ prefix: "trousseau-probe-" }, async (folder) => {
    await Deno.writeTextFile(join(folder, "probe.js"), probeModule);
    const sealed = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-remote", "--no-npm"];
    const flags = [...sealed, ...bakedFlags(artefact), "--output", join(folder, "probe")];
    await deno(["compile", ...flags, join(folder, "probe.js")], folder, { DENORT_BIN: base.path });
    const problem = probeProblem(artefact, await runProbe(join(folder, "probe")));
    if (problem !== undefined) throw new Error(problem);
  });
}

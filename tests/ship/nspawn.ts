/**
 * A machine with a real systemd: a Debian system under `systemd-nspawn`, booted, used and thrown away.
 *
 * It needs root and Debian's packages `systemd-container` and `mmdebstrap`. It has no network but its own loopback.
 *
 * @module
 */
import { Process, type ProcessOptions, run, waitFor } from "../support/processes.ts";
import { ControlGroup } from "./control_group.ts";
import { bootable, type DebianRecipe, debianRoot } from "./debian_root.ts";

/** Options of a machine. */
export interface MachineOptions {
  /** The system; `bootable` if left out. */
  readonly recipe?: DebianRecipe;
  /** Files and folders of this machine that it sees read-only, by their paths in there. */
  readonly binds?: Readonly<Record<string, string>>;
}

/** The end of a command. */
export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

// Seconds. A boot takes three on a quiet machine.
const bootSeconds = 120;
const commandSeconds = 60;

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A booted machine. Disposing of it halts it; its files were in memory and are gone. */
export class Machine implements AsyncDisposable {
  readonly #nspawn: Process;
  readonly #group: ControlGroup;
  #leader = 0;

  private constructor(nspawn: Process, group: ControlGroup) {
    this.#nspawn = nspawn;
    this.#group = group;
  }

  /**
   * Boots a machine and waits until all of its units have started.
   *
   * @throws {Error} without root or systemd-nspawn, or with the console's last lines after 120 seconds.
   */
  static async boot({ recipe = bootable, binds = {} }: MachineOptions = {}): Promise<Machine> {
    if (Deno.uid() !== 0) throw new Error("Cannot boot a machine: this needs root.");
    const root = await debianRoot(recipe);
    const name = `trousseau-${crypto.randomUUID().slice(0, 8)}`;
    const group = await ControlGroup.make(name);
    const machine = new Machine(new Process(nspawnProcess(name, root, binds, group)), group);
    try {
      await machine.#started();
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A path of the machine as this machine's processes reach it. */
  path(inside: string): string {
    return `/proc/${this.#leader}/root${inside}`;
  }

  /** Runs a program in the machine as root, for `seconds` at the most, 60 if left out; it then ends with 124. */
  async run(command: readonly string[], options: { stdin?: string; seconds?: number } = {}): Promise<CommandEnd> {
    const { seconds = commandSeconds, ...rest } = options;
    return await run("nsenter", this.#entering(["timeout", "--kill-after=5", String(seconds), ...command]), rest);
  }

  /**
   * Runs lines of shell. @returns the standard output.
   *
   * @throws {Error} with all output unless they end with 0.
   */
  async shell(script: string, options: { stdin?: string; seconds?: number } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(["sh", "-euc", script], options);
    if (code !== 0) throw new Error(`The machine ended with ${code}: ${script}\n${(stdout + stderr).slice(-4000)}`);
    return stdout;
  }

  /** Starts a program in the machine that goes on; the caller disposes of it. Signals go to `nsenter`. */
  start(name: string, command: readonly string[]): Process {
    return new Process({ name, command: "nsenter", args: this.#entering(command) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SIGTERM makes nspawn halt the system in order.
    await this.#nspawn.stop(30_000);
    await waitFor("the machine's control group to be empty", async () => {
      await this.#group[Symbol.asyncDispose]();
      return true;
    }, { timeoutMs: 20_000 });
  }

  #entering(command: readonly string[]): string[] {
    return ["--target", String(this.#leader), "--all", "env", "-i", `PATH=${path}`, "LC_ALL=C.UTF-8", ...command];
  }

  async #started(): Promise<void> {
    const options = { timeoutMs: bootSeconds * 1000, alive: [this.#nspawn] };
    const { value } = await waitFor("the machine's first process", () => childOf(this.#nspawn.pid), options);
    this.#leader = value;
    // Its namespaces are complete when its systemd answers.
    await waitFor("the machine to boot", async () => {
      const { stdout } = await this.run(["systemctl", "is-system-running", "--wait"], { seconds: bootSeconds });
      return /^(running|degraded)$/m.test(stdout);
    }, options);
  }
}

function nspawnProcess(
  name: string,
  root: string,
  binds: Readonly<Record<string, string>>,
  group: ControlGroup,
): ProcessOptions {
  const mounts = Object.entries(binds).map(([inside, outside]) => `--bind-ro=${outside}:${inside}`);
  const place = ["--register=no", "--keep-unit", "--private-network", `--machine=${name}`];
  const args = [
    "--quiet",
    `--directory=${root}`,
    "--volatile=overlay",
    "--boot",
    "--console=passive",
    ...place,
    ...mounts,
  ];
  return {
    name: "systemd-nspawn",
    command: "sh",
    args: ["-c", `${group.entry}; exec systemd-nspawn "$@"`, "sh", ...args],
    // Also beside a host that mixes both versions of control groups.
    env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" },
  };
}

async function childOf(pid: number): Promise<number | undefined> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  const [child] = children.trim().split(" ").filter(Boolean);
  if (child === undefined || !(await Deno.readTextFile(`/proc/${child}/comm`)).startsWith("systemd")) return undefined;
  return Number(child);
}

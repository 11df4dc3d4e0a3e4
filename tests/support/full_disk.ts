/**
 * A folder on a full disk, for one process: a small file system if this process can mount one, otherwise the limit of the
 * process for the size of files, which the kernel enforces at the same calls.
 *
 * @module
 */
import { systemFailures } from "../../lib/base/system_failures.ts";
import { Process, run } from "./processes.ts";

/** Size of the file system in bytes. */
const size = 256 * 1024;

/** A folder that can be filled. */
export interface FullDisk extends AsyncDisposable {
  readonly folder: string;
  /** The reason in an error message, as the end of its sentence. */
  readonly why: string;
  /** Starts a program that the limit applies to. */
  start(options: ConstructorParameters<typeof Process>[0]): Process;
  /** Fills the disk, so that nothing can be written. */
  fill(): Promise<void>;
}

/** Makes a full disk at an empty folder. */
export async function fullDisk(folder: string): Promise<FullDisk> {
  const mounted = await run("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder]).catch(() =>
    undefined
  );
  return mounted?.code === 0 ? ownFileSystem(folder) : limitOfProcess(folder);
}

function ownFileSystem(folder: string): FullDisk {
  return {
    folder,
    why: systemFailures.ENOSPC,
    start: (options) => new Process(options),
    fill: async () => {
      const filler = new Uint8Array(2 * size);
      // A write up to the limit succeeds before the refusal.
      await Deno.writeFile(`${folder}/filler`, filler).catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      await run("umount", ["--lazy", folder]);
    },
  };
}

function limitOfProcess(folder: string): FullDisk {
  const pids: number[] = [];
  const state = { full: false };
  return {
    folder,
    why: systemFailures.EFBIG,
    start({ command, args, ...options }) {
      // Without a handler, SIGXFSZ would end the process, and the call would not fail.
      const words = `trap "" XFSZ; ${state.full ? "ulimit -S -f 0; " : ""}exec "$@"`;
      const started = new Process({ ...options, command: "sh", args: ["-c", words, "sh", command, ...args] });
      pids.push(started.pid);
      return started;
    },
    async fill() {
      state.full = true;
      for (const pid of pids) await run("prlimit", [`--pid=${pid}`, "--fsize=0:"]);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

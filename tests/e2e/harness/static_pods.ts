/**
 * Stands in for kubelet: runs the kube-apiserver of a folder of manifests, with the arguments of its manifest, on this
 * machine. A changed manifest restarts it, as kubelet does.
 *
 * @module
 */
import { join } from "node:path";
import { readApiServerPod } from "../../../lib/config/apiserver/static_pod.ts";
import { pause, Process } from "../../support/processes.ts";
import { serverProgram } from "../servers.ts";

/** The pods of a folder. Disposing of it ends them. */
export class StaticPods implements AsyncDisposable {
  readonly #folder: string;
  readonly #program: string;
  readonly #stop = new AbortController();
  /** Names of files that are no manifest of kube-apiserver: kubelet would run each as another pod. */
  readonly otherFiles = new Set<string>();
  /** Called before each start, with the arguments. */
  beforeStart: (args: readonly string[]) => Promise<void> = () => Promise.resolve();
  starts = 0;
  #manifest: string | undefined;
  #server: Process | undefined;
  #loop: Promise<void> = Promise.resolve();

  private constructor(folder: string, program: string) {
    this.#folder = folder;
    this.#program = program;
  }

  static async start(folder: string): Promise<StaticPods> {
    const pods = new StaticPods(folder, await serverProgram("kube-apiserver"));
    pods.#loop = pods.#run();
    return pods;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#look();
      await pause(100);
    }
    await this.#server?.stop();
  }

  async #look(): Promise<void> {
    const names = (await Array.fromAsync(Deno.readDir(this.#folder))).map(({ name }) => name);
    for (const name of names) if (name !== "kube-apiserver.yaml") this.otherFiles.add(name);
    const manifest = await Deno.readTextFile(join(this.#folder, "kube-apiserver.yaml"));
    const isChanged = manifest !== this.#manifest;
    if (!isChanged && this.#server?.status === undefined) return;
    await this.#server?.stop();
    const pod = readApiServerPod(manifest);
    if (pod === undefined) throw new Error("The manifest is none of kube-apiserver.");
    this.#manifest = manifest;
    // kubelet starts no container before each folder of type Directory is there.
    for (const { hostPath } of pod.mounts) await Deno.stat(hostPath);
    const args = pod.words.slice(1);
    await this.beforeStart(args);
    this.starts++;
    this.#server = new Process({ name: "kube-apiserver", command: this.#program, args });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }
}

/**
 * The files that a cold Decrypt crosses, counted by V8.
 *
 * A plugin with one `local` provider encrypts, ends, and is started again, so that it has no data key in its cache. Then
 * V8 counts calls of functions from the moment before one Decrypt over the socket until its audit line is written. A
 * file of `lib` is crossed if one of its functions ran in that time. Timers of the plugin run in that time too: several
 * starts are measured, and only the files that every one of them crossed are counted.
 *
 * @module
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { dialKms } from "../../lib/api/kms/client.ts";
import type { EncryptResponse } from "../../lib/api/kms/messages.ts";
import { freePort, pause, Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const starts = 5;

/**
 * Milliseconds: from the first answer until the Decrypt of the first start, by how much later each further start sends it,
 * and from an answer until its audit line is written. No two starts measure the same moment after the start, so that a
 * timer with a fixed phase is not counted.
 */
const waits = { settled: 900, later: 400, audited: 300 } as const;

const soon = { timeoutMs: 30_000, everyMs: 20 } as const;

/**
 * Measures the program in a folder of the repository, or of another version of it.
 *
 * @returns paths from that folder, sorted.
 */
export async function coldDecryptFiles(folder: string): Promise<readonly string[]> {
  const crossed: ReadonlySet<string>[] = [];
  await inFolder(async (place) => {
    const socket = join(place, "kms.sock");
    const config = join(place, "trousseau.json");
    await Deno.writeTextFile(
      config,
      JSON.stringify({
        socket: { path: socket },
        state: join(place, "state"),
        telemetry: { listen: "off", audit: join(place, "audit.log") },
        providers: [{ name: "local", kind: "local", keyFile: join(place, "local.keys"), create: true }],
      }),
    );
    let sealed: EncryptResponse | undefined;
    for (let start = 0; start <= starts; start++) {
      const port = freePort();
      await using plugin = new Process({
        name: "the plugin",
        command: Deno.execPath(),
        args: ["run", "-A", "--no-check", `--inspect=127.0.0.1:${port}`, "main.ts", "serve", "--config", config],
        cwd: folder,
      });
      const signal = AbortSignal.timeout(soon.timeoutMs);
      await using client = dialKms(socket);
      const { value } = await waitFor("an Encrypt", async () => {
        return await client.v2.Encrypt({ plaintext: new Uint8Array(32), uid: "" }, { signal });
      }, { ...soon, alive: [plugin] });
      if (sealed !== undefined) {
        const { ciphertext, key_id, annotations } = sealed;
        await pause(waits.settled + crossed.length * waits.later);
        crossed.push(
          await calledFiles(port, folder, async () => {
            await client.v2.Decrypt({ ciphertext, key_id, annotations, uid: "" }, { signal });
            await pause(waits.audited);
          }),
        );
      }
      sealed ??= value;
    }
  });
  const [first = new Set<string>(), ...others] = crossed;
  return [...first].filter((path) => others.every((paths) => paths.has(path))).sort();
}

/** The files of `lib` of which a function is called during `work`. */
async function calledFiles(port: number, folder: string, work: () => Promise<void>): Promise<ReadonlySet<string>> {
  using session = await Inspector.connect(port);
  await session.ask("Profiler.enable", {});
  await session.ask("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await session.ask("Profiler.takePreciseCoverage", {});
  await work();
  const { result } = await session.ask("Profiler.takePreciseCoverage", {}) as { readonly result: readonly Script[] };
  const lib = `${pathToFileURL(join(folder, "lib")).href}/`;
  const called = result.filter(({ url, functions }) =>
    url.startsWith(lib) && functions.some(({ ranges }) => ranges.some(({ count }) => count > 0))
  );
  return new Set(called.map(({ url }) => `lib/${url.slice(lib.length)}`));
}

/** One script in the answer to `Profiler.takePreciseCoverage`. */
interface Script {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
}

/** A session of V8's inspector protocol. */
class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown };
      if (id !== undefined) this.#waiting.get(id)?.(result);
    });
  }

  static async connect(port: number): Promise<Inspector> {
    const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json() as {
      readonly webSocketDebuggerUrl: string;
    }[];
    const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? "");
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new Inspector(socket);
  }

  ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

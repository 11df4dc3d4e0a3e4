/**
 * A headless Chromium (Debian's package `chromium`), driven over the Chrome DevTools Protocol.
 *
 * @module
 */
import { join } from "node:path";
import { waitFor } from "../support/processes.ts";

/** The width and height of a page in CSS pixels. */
export interface PageSize {
  readonly width: number;
  readonly height: number;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Milliseconds for one command, and for a page to load. */
const commandMs = 30_000;

/** One page of a browser of its own. */
export class Browser implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #loads: (() => void)[] = [];
  #lastId = 0;
  /** Exceptions and failed requests of the pages since the last {@linkcode Browser.open}. */
  faults: string[] = [];

  private constructor(process: Deno.ChildProcess, folder: string, socket: WebSocket) {
    this.#process = process;
    this.#folder = folder;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
  }

  /** Starts it with a profile of its own. @throws {Error} if Chromium is not on PATH or does not answer. */
  static async start(): Promise<Browser> {
    const folder = await Deno.makeTempDir({ prefix: "browser-" });
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"];
    const process = new Deno.Command("chromium", {
      args: [...flags, `--user-data-dir=${folder}`, "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const file = join(folder, "DevToolsActivePort");
    const { value: port } = await waitFor("Chromium's port", async () => {
      const text = await Deno.readTextFile(file).catch(() => "");
      return text.includes("\n") ? text.split("\n")[0] : undefined;
    }, { timeoutMs: commandMs });
    const answer = await fetch(`http://127.0.0.1:${port}/json`);
    const targets: { type: string; webSocketDebuggerUrl: string }[] = await answer.json();
    const page = targets.find(({ type }) => type === "page");
    if (page === undefined) throw new Error("Chromium has no page.");
    const socket = new WebSocket(page.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const browser = new Browser(process, folder, socket);
    for (const domain of ["Page", "Runtime", "Network"]) await browser.#command(`${domain}.enable`);
    return browser;
  }

  /** Loads a page at a size. */
  async open(address: string, { width, height }: PageSize): Promise<void> {
    this.faults = [];
    const size = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await this.#command("Emulation.setDeviceMetricsOverride", size);
    const loaded = new Promise<void>((resolve) => this.#loads.push(resolve));
    await this.#command("Page.navigate", { url: address });
    await loaded;
  }

  /** The value of an expression in the page; a promise is awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#command("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    }) as { result: { value?: unknown }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${exceptionDetails.text}`);
    return result.value;
  }

  /** Types text where the focus is. */
  async type(text: string): Promise<void> {
    await this.#command("Input.insertText", { text });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }

  #command(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Chromium does not answer ${method}.`)), commandMs);
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer);
        if (error !== undefined) reject(new Error(`${method}: ${error.message}`));
        else resolve(result ?? {});
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  #receive(reply: Reply): void {
    if (reply.id !== undefined) {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    } else if (reply.method === "Page.loadEventFired") this.#loads.splice(0).forEach((loaded) => loaded());
    else if (reply.method === "Runtime.exceptionThrown" || reply.method === "Network.loadingFailed") {
      this.faults.push(JSON.stringify(reply.params));
    }
  }
}

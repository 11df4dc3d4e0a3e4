/**
 * The suite for providers against plugins that run as processes of their own: a second Trousseau, the Python sample, and
 * one in Go on Kubernetes' own framework; and the result of `trousseau conformance` for the last two.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openKmsPlugin } from "../../lib/provider/kms_plugin/provider.ts";
import { rotateLocalKey } from "../../lib/provider/local/rotate.ts";
import type { Change, ConformanceBench } from "../conformance/bench.ts";
import { conformance } from "../conformance/conformance.ts";
import { KeyFolderPlugin, type PluginLanguage } from "../support/key_folder_plugin.ts";
import { type Process, waitFor } from "../support/processes.ts";
import { Node, type Plugin } from "./harness/plugin.ts";

const open = ({ socket }: { readonly socket: string }) => openKmsPlugin({ kind: "kms-plugin", name: "hsm", socket });
/** Both ends wait for processes that come and go, so that it is there in every test. */
const leavesTimers = "grpc-js: the back-off of a channel that could not connect, half a second";
const noLogin = { cannot: "whoever may connect to the socket is let in" };
const onlyTheDouble = { cannot: "a sound plugin does not; the double does" };

/** Faults that a sound plugin cannot be made to show. */
const ofASoundOne = {
  "refused login": noLogin,
  "withdrawn right": noLogin,
  "throttling": onlyTheDouble,
  "half an answer": onlyTheDouble,
  "garbage answer": onlyTheDouble,
} as const;

/** A suspended process: it accepts connections and sends no answer. */
async function stopped(process: Process): Promise<AsyncDisposable> {
  await process.freeze();
  return { [Symbol.asyncDispose]: () => Promise.resolve(process.signal("SIGCONT")) };
}

/** The bench that is common to all these processes. */
function bench(language: PluginLanguage, engine: string, codes: boolean): ConformanceBench<KeyFolderPlugin> {
  const unlessCoded = (change: Change<KeyFolderPlugin>) =>
    codes ? change : { cannot: "it answers UNKNOWN to everything" };
  return {
    proves: { kind: "kms-plugin", engine, key: "AES-256" },
    leavesTimers,
    start: () => KeyFolderPlugin.start(language),
    open,
    rotate: (plugin) => Promise.resolve(plugin.addKey()),
    disable: { cannot: "a key in a file has no switch" },
    remove: unlessCoded((plugin) => Promise.resolve(plugin.removeKeys())),
    recreate: unlessCoded((plugin) => Promise.resolve(plugin.addKey())),
    faults: {
      ...ofASoundOne,
      "5xx": [{
        what: "its process is killed",
        on: async (plugin) => {
          await plugin.process.kill();
          return { [Symbol.asyncDispose]: () => plugin.restart() };
        },
      }],
      "hang": [{ what: "its process is stopped", on: ({ process }) => stopped(process) }],
    },
  };
}

conformance("kms-plugin on the Python sample", bench("python", "the Python sample", true));
conformance("kms-plugin on k8s.io/kms", bench("go", "a Go plugin on k8s.io/kms 0.36", false));

/** A second Trousseau with a local key. */
class Inner implements AsyncDisposable {
  readonly #node: Node;
  #plugin: Plugin;

  private constructor(node: Node, plugin: Plugin) {
    this.#node = node;
    this.#plugin = plugin;
  }

  static async start(): Promise<Inner> {
    const node = await Node.make();
    const inner = new Inner(node, await startOn(node));
    await inner.ready();
    return inner;
  }

  get socket(): string {
    return this.#node.socket;
  }

  get process(): Process {
    return this.#plugin.process;
  }

  /** Waits until it encrypts, under another key ID than `before` if one is given. */
  async ready(before = ""): Promise<void> {
    const signal = new AbortController().signal;
    await waitFor("the inner plugin", async () => {
      const { key_id: keyId } = await this.#plugin.client.v2.Encrypt({ plaintext: new Uint8Array(32), uid: "" }, {
        signal,
      });
      return keyId !== before && keyId === (await this.#plugin.status()).key_id;
    }, { timeoutMs: 60_000, everyMs: 50, alive: [this.process] });
  }

  async rotate(): Promise<void> {
    const { key_id: before } = await this.#plugin.status();
    await rotateLocalKey(keyFile(this.#node));
    await this.ready(before);
  }

  async kill(): Promise<void> {
    await this.process.kill();
    await this.#plugin.client[Symbol.asyncDispose]();
  }

  async restart(): Promise<void> {
    this.#plugin = await startOn(this.#node);
    await this.ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.signal("SIGCONT");
    await this.#plugin[Symbol.asyncDispose]();
    await this.#node[Symbol.asyncDispose]();
  }
}

function keyFile({ folder }: Node): string {
  return join(folder, "local.keys");
}

async function startOn(node: Node): Promise<Plugin> {
  return await node.start({
    providers: [{ name: "local", kind: "local", keyFile: keyFile(node), create: true }],
    probe: { interval: "1s" },
  });
}

const itsOwnKeys = { cannot: "it keeps its own key ID, and its data keys, while its KMS is away" };

conformance<Inner>("kms-plugin on Trousseau", {
  proves: { kind: "kms-plugin", engine: "a second Trousseau", key: "AES-256" },
  leavesTimers,
  start: () => Inner.start(),
  open,
  rotate: (inner) => inner.rotate(),
  disable: itsOwnKeys,
  remove: itsOwnKeys,
  recreate: itsOwnKeys,
  faults: {
    ...ofASoundOne,
    "5xx": [{
      what: "its process is killed",
      on: async (inner) => {
        await inner.kill();
        return { [Symbol.asyncDispose]: () => inner.restart() };
      },
    }],
    "hang": [{ what: "its process is stopped", on: ({ process }) => stopped(process) }],
  },
});

/** The violations that the command reports for a plugin. */
async function failing(language: PluginLanguage): Promise<{ code: number; fails: readonly string[] }> {
  await using plugin = await KeyFolderPlugin.start(language);
  await using node = await Node.make();
  const socket = join(node.folder, "foreign.sock");
  // The program reaches sockets only where it may write.
  await Deno.symlink(plugin.socket, socket);
  const { code, stdout, stderr } = await node.command("conformance", "--json", `unix://${socket}`);
  assert.notEqual(stdout, "", stderr);
  const { criteria }: { criteria: { criterion: string; result: string }[] } = JSON.parse(stdout);
  return { code, fails: criteria.filter(({ result }) => result === "fails").map(({ criterion }) => criterion) };
}

Deno.test("conformance finds no violation in the Python sample", { sanitizeResources: false }, async () => {
  assert.deepEqual(await failing("python"), { code: 0, fails: [] });
});

Deno.test("conformance finds that a plugin on k8s.io/kms has no status codes, and no other violation", {
  sanitizeOps: false,
}, async () => {
  assert.deepEqual(await failing("go"), {
    code: 1,
    fails: ["what is refused is refused by a code, and not by UNKNOWN"],
  });
});

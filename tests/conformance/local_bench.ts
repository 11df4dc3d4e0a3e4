/**
 * The bench of the local provider: it changes the key file as an operator with a shell can.
 *
 * @module
 */
import { join } from "node:path";
import { openLocal } from "../../lib/provider/local/provider.ts";
import { rotateLocalKey } from "../../lib/provider/local/rotate.ts";
import type { ConformanceBench } from "./bench.ts";

/** A folder with a key file in it. */
export interface KeyFolder extends AsyncDisposable {
  readonly keyFile: string;
}

const open = ({ keyFile }: KeyFolder, create = false) =>
  openLocal({ kind: "local", name: "local", keyFile, create }, { notify: () => {} });

/** Spoils the key file, and gives back how it was. */
async function spoilt({ keyFile }: KeyFolder, spoil: (whole: Uint8Array) => Promise<void>): Promise<AsyncDisposable> {
  const whole = await Deno.readFile(keyFile);
  await spoil(whole);
  return { [Symbol.asyncDispose]: () => Deno.writeFile(keyFile, whole) };
}

const noServer = { cannot: "there is no server, only a file" };

/** See the module. */
export const localBench: ConformanceBench<KeyFolder> = {
  proves: { kind: "local", engine: "a file", key: "AES-256" },
  async start() {
    const folder = await Deno.makeTempDir();
    const world = {
      keyFile: join(folder, "local.keys"),
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
    await (await open(world, true))[Symbol.asyncDispose]();
    return world;
  },
  open: (world) => open(world),
  rotate: async ({ keyFile }) => void await rotateLocalKey(keyFile),
  disable: { cannot: "a key in a file has no switch" },
  remove: ({ keyFile }) => Deno.remove(keyFile),
  async recreate(world) {
    await (await open(world, true))[Symbol.asyncDispose]();
  },
  faults: {
    "refused login": { cannot: "there is no login" },
    "withdrawn right": { cannot: "tests may run as root, from whom no file is withheld" },
    "throttling": noServer,
    "5xx": noServer,
    "hang": noServer,
    "half an answer": [{
      what: "half a file",
      on: (world) => spoilt(world, (whole) => Deno.truncate(world.keyFile, whole.length / 2)),
    }],
    "garbage answer": ["", "{}", "<html>", '{"format":1,"keys":[{}]}'].map((text) => ({
      what: text === "" ? "an empty file" : text,
      on: (world: KeyFolder) => spoilt(world, () => Deno.writeTextFile(world.keyFile, text)),
    })),
  },
  unwrapsFromMemory: "unwrap goes on with the keys read last",
};

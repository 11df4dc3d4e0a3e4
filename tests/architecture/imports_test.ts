/**
 * The rooms of the house and their doors: who may import from whom, and what only one room may touch.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";

const root = new URL("../..", import.meta.url).pathname;

/** Each room and the rooms that it may import from, beside itself and the leaves. */
const doors = {
  "main.ts": ["lib/cli", "lib/config"],
  "lib/cli": [
    "lib/sops",
    "lib/conformance",
    "lib/kms",
    "lib/telemetry",
    "lib/config",
    "lib/service",
    "lib/key_ring",
    "lib/envelope",
    "lib/provider",
    "lib/grpc",
  ],
  "lib/telemetry": ["lib/service", "lib/kms"],
  "lib/sops": ["lib/kms", "lib/service", "lib/key_ring", "lib/envelope", "lib/provider", "lib/grpc"],
  "lib/kms": ["lib/config", "lib/service", "lib/grpc"],
  "lib/config": ["lib/provider", "lib/envelope"],
  "lib/service": ["lib/key_ring", "lib/envelope", "lib/provider"],
  "lib/key_ring": ["lib/envelope", "lib/provider"],
  "lib/envelope": ["lib/provider"],
  "lib/provider": ["lib/grpc"],
  "lib/conformance": ["lib/grpc"],
  "lib/grpc": ["proto", "lib/http2"],
  "lib/http2": [],
  "leaf": [],
} as const satisfies Record<string, readonly string[]>;

type Room = keyof typeof doors;

const leaves = [
  "bytes",
  "clock",
  "credential_file",
  "deadline",
  "disposal",
  "durable_file",
  "errors",
  "events",
  "file_failures",
  "file_owner",
  "reloads",
  "secret",
  "state_file",
  "state_folder",
  "state_update",
  "system_failures",
  "version",
];

/** Packages and who alone may load them. */
const packages: Readonly<Record<string, readonly Room[]>> = {
  "@aws-sdk/client-kms": ["lib/provider"],
  "@aws-sdk/client-sts": ["lib/provider"],
  "@grpc/grpc-js": ["lib/grpc"],
  "@grpc/proto-loader": ["lib/grpc"],
  "protobufjs": ["lib/grpc"],
  "prom-client": ["lib/telemetry"],
  "yaml": ["lib/config"],
  "zod": ["lib/config", "lib/cli"],
};

/** What only some rooms may touch. */
const touches: readonly { readonly what: string; readonly pattern: RegExp; readonly rooms: readonly Room[] }[] = [
  { what: "the environment", pattern: /\bDeno\.env\b|\bprocess\.env\b/, rooms: ["lib/config"] },
  { what: "the exit", pattern: /\bDeno\.exit\b|\bprocess\.exit\b/, rooms: ["main.ts"] },
  { what: "the console", pattern: /\bconsole\./, rooms: [] },
  { what: "module-level mutable state", pattern: /^(export )?let /m, rooms: [] },
  { what: "a default export", pattern: /^export default/m, rooms: [] },
  // The bundle is lowered to ES2022 in its syntax; what a library of the engine lacks nobody adds.
  {
    what: "what some engines lack",
    pattern: /\.toHex\(|\.toBase64\(|Uint8Array\.from(Hex|Base64)|DisposableStack|\bIntl\b|\bAtomics\b/,
    rooms: [],
  },
  { what: "a cast that hides a type", pattern: /\bas any\b|: any\b|@ts-ignore|@ts-nocheck/, rooms: [] },
];

function roomOf(path: string): Room {
  if (path === "main.ts") return path;
  const [, folder = ""] = path.split("/");
  const name = folder.replace(/(_test)?\.ts$/, "");
  if (leaves.includes(name)) return "leaf";
  const room = `lib/${name}`;
  assert.ok(room in doors, `${path} is in no room that this test knows`);
  return room as Room;
}

async function* sources(folder = "lib"): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts") && !path.endsWith("_test.ts")) yield path;
  }
}

/** Everything that a file loads, statically or not. */
function importsOf(text: string): string[] {
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*)"([^"]+)"/g);
  return [...found].flatMap(([, specifier]) => specifier === undefined ? [] : [specifier]);
}

async function everyFile(): Promise<{ path: string; room: Room; text: string }[]> {
  const paths = ["main.ts"];
  for await (const path of sources()) paths.push(path);
  return await Promise.all(paths.map(async (path) => ({
    path,
    room: roomOf(path),
    text: await Deno.readTextFile(join(root, path)),
  })));
}

Deno.test("imports go downwards only", async () => {
  for (const { path, room, text } of await everyFile()) {
    const allowed: readonly string[] = doors[room];
    for (const specifier of importsOf(text).filter((one) => one.startsWith("."))) {
      const target = relative(root, join(root, dirname(path), specifier));
      const there = target.startsWith("proto/") ? "proto" : roomOf(target);
      assert.ok(there === room || there === "leaf" || allowed.includes(there), `${path} may not import ${target}`);
    }
  }
});

/** Folders of `lib/provider` that are no vendor's and serve several. */
const shared = ["https"];

Deno.test("a vendor's folder imports neither another vendor's nor anything that is not a provider's", async () => {
  for (const { path, text } of await everyFile()) {
    const [, vendor] = /^lib\/provider\/([^/]+)\//.exec(path) ?? [];
    if (vendor === undefined) continue;
    for (const specifier of importsOf(text).filter((one) => one.startsWith("."))) {
      const target = relative(root, join(root, dirname(path), specifier));
      const [, other] = /^lib\/provider\/([^/]+)\//.exec(target) ?? [];
      assert.ok(
        other === undefined || other === vendor || shared.includes(other),
        `${path} imports ${target}`,
      );
    }
  }
});

Deno.test("a package is loaded by its own room only", async () => {
  for (const { path, room, text } of await everyFile()) {
    for (const specifier of importsOf(text).filter((one) => !one.startsWith(".") && !one.startsWith("node:"))) {
      const name = Object.keys(packages).find((one) => specifier === one || specifier.startsWith(`${one}/`));
      assert.ok(name !== undefined, `${path} loads ${specifier}, which no room owns`);
      assert.ok(packages[name]?.includes(room), `${path} may not load ${specifier}`);
    }
  }
});

Deno.test("what only one room may touch, no other does", async () => {
  for (const { path, room, text } of await everyFile()) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    for (const { what, pattern, rooms } of touches) {
      assert.ok(rooms.includes(room) || !pattern.test(code), `${path} touches ${what}`);
    }
  }
});

Deno.test("no file is longer than 400 lines", async () => {
  for (const { path, text } of await everyFile()) {
    const lines = text.split("\n").length;
    assert.ok(lines <= 400, `${path} has ${lines} lines`);
  }
});

/** What a file may evaluate: what it imports, but for types; of the registry, what it does not leave for later. */
function evaluated(path: string, text: string): string[] {
  const statements = [...text.matchAll(/^(?:import|export)\s(?!type\s)[^;"]*?"([^"]+)";/gm)];
  const later = path === "lib/provider/registry.ts" ? [] : [...text.matchAll(/\bimport\(\s*"([^"]+)"/g)];
  return [...statements, ...later].flatMap(([, specifier]) => specifier === undefined ? [] : [specifier]);
}

Deno.test("a vendor's provider and its packages are loaded where the registry is asked for them, and not before", async () => {
  const files = new Map((await everyFile()).map(({ path, text }) => [path, text]));
  const reached = new Set(["main.ts"]);
  for (const path of reached) {
    for (const specifier of evaluated(path, files.get(path) ?? "")) {
      reached.add(specifier.startsWith(".") ? relative(root, join(root, dirname(path), specifier)) : specifier);
    }
  }
  assert.ok(reached.has("lib/config/schema.ts"), "what main.ts loads is followed to its end");
  const registry = files.get("lib/provider/registry.ts") ?? "";
  const lazy = [...registry.matchAll(/await import\("\.\/([^"]+)"\)/g)].map(([, path]) => `lib/provider/${path}`);
  assert.ok(lazy.length >= 6, "the registry loads its parts when they are asked for");
  for (const path of lazy) assert.ok(!reached.has(path), `${path} is loaded without being configured`);
  const vendors = Object.keys(packages).filter((name) => packages[name]?.includes("lib/provider"));
  for (const name of vendors) assert.ok(!reached.has(name), `${name} is loaded without being configured`);
});

/**
 * The order of imports between rooms, and the packages and interfaces of the system that only one room may use.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Room, roomOf, rowOf } from "./rooms.ts";
import { importsOf, root, sourceFiles, targetOf } from "./sources.ts";

/** Packages and who alone may load them. */
const packages: Readonly<Record<string, readonly Room[]>> = {
  "@aws-sdk/client-kms": ["lib/provider"],
  "@aws-sdk/client-sts": ["lib/provider"],
  "@hpke/core": ["lib/provider"],
  "@hpke/hybridkem-x-wing": ["lib/provider"],
  "@scure/base": ["lib/provider"],
  "@grpc/grpc-js": ["lib/net/grpc"],
  "protobufjs": ["lib/net/grpc"],
  "prom-client": ["lib/telemetry"],
  "csv-parse": ["lib/cli/clectl"],
  "@e965/xlsx": ["lib/cli/clectl"],
  "saxes": ["lib/cli/clectl"],
  "yaml": ["lib/config", "lib/base", "lib/cli/clectl", "lib/cluster"],
  "hono": ["lib/services/keyring"],
  "@peculiar/x509": ["lib/services/keyring"],
  "reflect-metadata": ["lib/services/keyring"],
  "jose": ["lib/services/keyring"],
  "modern-tar": ["lib/cli/trousseau"],
  "zod": ["lib/release", "lib/config", "lib/cli/trousseau", "lib/api/keyring", "lib/services/keyring"],
};

/** Patterns that are permitted only in the listed rooms and files. */
const touches: readonly { readonly what: string; readonly pattern: RegExp; readonly places: readonly string[] }[] = [
  {
    what: "the environment",
    pattern: /\bDeno\.env\b|\bprocess\.env\b/,
    places: ["lib/config", "lib/cli/clectl/environment.ts"],
  },
  { what: "the exit", pattern: /\bDeno\.exit\b|\bprocess\.exit\b/, places: ["lib/cli/run_process.ts"] },
  { what: "the console", pattern: /\bconsole\./, places: [] },
  { what: "module-level mutable state", pattern: /^(export )?let /m, places: [] },
  { what: "a default export", pattern: /^export default/m, places: [] },
  // The bundle is lowered to ES2022 in its syntax; what a library of the engine lacks nobody adds.
  {
    what: "what some engines lack",
    pattern: /\.toHex\(|\.toBase64\(|Uint8Array\.from(Hex|Base64)|DisposableStack|\bIntl\b|\bAtomics\b/,
    places: [],
  },
  // One import of it puts its texts of all languages, 290 kB, into a module that every command and service loads.
  { what: "zod in place of zod/mini", pattern: /from "zod"/, places: [] },
  { what: "a cast that hides a type", pattern: /\bas any\b|: any\b|@ts-ignore|@ts-nocheck/, places: [] },
];

async function everyFile(): Promise<{ path: string; room: Room; text: string }[]> {
  const main = { path: "main.ts", text: await Deno.readTextFile(join(root, "main.ts")) };
  return [main, ...await sourceFiles()].map((file) => ({ ...file, room: roomOf(file.path) }));
}

Deno.test("imports go downwards only", async () => {
  const found: string[] = [];
  for (const { path, room, text } of await everyFile()) {
    for (const specifier of importsOf(text).filter((one) => one.startsWith("."))) {
      const target = targetOf(path, specifier);
      if (target.startsWith("proto/")) {
        assert.ok(room.startsWith("lib/api/"), `${path} may not import ${target}`);
        continue;
      }
      // Texts that are printed or written, and no code.
      if (target.startsWith("deploy/") && !target.endsWith(".ts")) {
        assert.equal(path, "lib/cli/trousseau/init/assets.ts", `${path} may not import ${target}`);
        continue;
      }
      const there = roomOf(target);
      if (there !== room && rowOf(there) <= rowOf(room)) found.push(`${path} -> ${target}`);
    }
  }
  assert.deepEqual(found.toSorted(), []);
});

Deno.test("a vendor's folder imports neither another vendor's nor anything that is not a provider's", async () => {
  for (const { path, text } of await everyFile()) {
    const [, vendor] = /^lib\/provider\/([^/]+)\//.exec(path) ?? [];
    if (vendor === undefined) continue;
    for (const specifier of importsOf(text).filter((one) => one.startsWith("."))) {
      const target = targetOf(path, specifier);
      const [, other] = /^lib\/provider\/([^/]+)\//.exec(target) ?? [];
      assert.ok(
        other === undefined || other === vendor,
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

Deno.test("the environment, the exit and the like are used only where the list permits it", async () => {
  for (const { path, text } of await everyFile()) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    for (const { what, pattern, places } of touches) {
      const allowed = places.some((place) => path === place || path.startsWith(`${place}/`));
      assert.ok(allowed || !pattern.test(code), `${path} touches ${what}`);
    }
  }
});

Deno.test("no file is longer than 400 lines", async () => {
  for (const { path, text } of await everyFile()) {
    const lines = text.split("\n").length;
    assert.ok(lines <= 400, `${path} has ${lines} lines`);
  }
});

/** Files whose dynamic imports wait until a kind of provider is configured, or until a command of that kind is called. */
const lazyFiles = [
  "lib/provider/registry.ts",
  "lib/config/providers/recovery.ts",
];

/** The commands that use a provider's packages themselves. */
const vendorCommands = ["lib/cli/trousseau/recovery.ts"];

/** What a file may evaluate: what it imports, but for types; of {@linkcode lazyFiles}, not what they leave for later. */
function evaluated(path: string, text: string): string[] {
  const statements = [...text.matchAll(/^(?:import|export)\s(?!type\s)[^;"]*?"([^"]+)";/gm)];
  const later = lazyFiles.includes(path) ? [] : [...text.matchAll(/\bimport\(\s*"([^"]+)"/g)];
  return [...statements, ...later].flatMap(([, specifier]) => specifier === undefined ? [] : [specifier]);
}

/** The rooms that the client for laptops is made of, and no others. */
const clientRooms: readonly Room[] = ["lib/cli/clectl", "lib/cli", "lib/api/keyring", "lib/base"];

/** The packages in the bundle of clectl. Each is loaded by the command or the option that needs it, and not before. */
const clientPackages: Readonly<Record<string, string>> = {
  "@e965/xlsx": "import of XLSX and XLS",
  "csv-parse": "import of CSV",
  "saxes": "import of KeePass' XML",
  "yaml": "-o yaml, and import of the output of SOPS",
};

Deno.test("clectl reaches nothing of the plugin, its providers or a KMS, and loads its packages late", async () => {
  const files = new Map((await everyFile()).map(({ path, text }) => [path, text]));
  const reached = new Set(["lib/cli/clectl/main.ts"]);
  const loaded = new Set<string>();
  for (const path of reached) {
    const text = files.get(path) ?? "";
    assert.ok(clientRooms.includes(roomOf(path)), `clectl reaches ${path}`);
    // Types leave no trace in a bundle.
    for (const specifier of importsOf(text.replaceAll(/^import type [^;]*;$/gm, ""))) {
      if (specifier.startsWith(".")) {
        reached.add(targetOf(path, specifier));
        // Such a module has the names of one CommonJS package.
        const isLate = !specifier.endsWith("_package.ts") || text.includes(`await import("${specifier}")`);
        assert.ok(isLate, `${path} loads ${specifier} at once`);
      } else if (!specifier.startsWith("node:")) {
        const name = Object.keys(clientPackages).find((one) => specifier === one || specifier.startsWith(`${one}/`));
        assert.ok(name !== undefined, `clectl loads ${specifier} in ${path}`);
        loaded.add(name);
        const isLate = path.endsWith("_package.ts") || text.includes(`await import("${specifier}")`);
        assert.ok(isLate, `${path} loads ${specifier} at once`);
      }
    }
  }
  assert.deepEqual([...loaded].toSorted(), Object.keys(clientPackages).toSorted());
  assert.ok(reached.has("lib/cli/arguments.ts") && reached.has("lib/cli/help.ts"), "imports are followed to their end");
});

Deno.test("a vendor's provider and its packages are loaded where the registry is asked for them, and not before", async () => {
  const files = new Map((await everyFile()).map(({ path, text }) => [path, text]));
  const reached = new Set(["main.ts"]);
  for (const path of reached) {
    if (vendorCommands.includes(path)) continue;
    for (const specifier of evaluated(path, files.get(path) ?? "")) {
      reached.add(specifier.startsWith(".") ? targetOf(path, specifier) : specifier);
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

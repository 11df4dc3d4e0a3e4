import assert from "node:assert/strict";
import { resolve } from "node:path";
import { embeddedConfig, isVolatile, requirePlace } from "./defaults.ts";
import { environmentFrom } from "./environment.ts";
import { fakeFiles, fakePath, loadFake, localProvider } from "../../tests/support/fake_files.ts";
import type { FileKind } from "./files.ts";

function embedded(
  variables: Record<string, string>,
  mayWrite: (path: string) => boolean,
  kinds: Record<string, FileKind> = {},
) {
  return embeddedConfig(environmentFrom((name) => variables[name]), fakeFiles({ mayWrite, kinds }));
}

Deno.test("embeddedConfig() is a local key under ./run if writing there is permitted", async () => {
  const config = await embedded({}, (path) => path.startsWith("./run/"));
  assert.equal(config.file, undefined);
  assert.equal(config.socket.path, resolve("run/kms.sock"));
  assert.equal(config.state, resolve("run/state"));
  assert.deepEqual(config.providers, [{
    name: "local",
    formerly: [],
    settings: { kind: "local", name: "local", keyFile: resolve("run/state/local.keys"), create: true },
  }]);
});

Deno.test("embeddedConfig() uses the system's folders if it may not write to ./run", async () => {
  const config = await embedded({}, () => false);
  assert.equal(config.socket.path, "/run/trousseau/kms.sock");
  assert.equal(config.state, "/var/lib/trousseau");
});

Deno.test("embeddedConfig() puts the socket into the user's runtime folder if that is usable", async () => {
  const runtime = { XDG_RUNTIME_DIR: "/run/user/7" };
  const there: Record<string, FileKind> = { "/run/user/7": "folder" };
  const socket = async (...given: Parameters<typeof embedded>) => (await embedded(...given)).socket.path;
  assert.equal(await socket(runtime, () => true, there), "/run/user/7/trousseau/kms.sock");
  assert.equal(await socket(runtime, () => true, {}), resolve("run/kms.sock"));
  assert.equal(await socket(runtime, (path) => path.startsWith("./run/"), there), resolve("run/kms.sock"));
  assert.equal(await socket({ XDG_RUNTIME_DIR: "run/user/7" }, () => true, there), resolve("run/kms.sock"));
});

Deno.test("embeddedConfig() puts the socket for sops into the folder of the plugin's", async () => {
  const runtime = { XDG_RUNTIME_DIR: "/run/user/7" };
  const socket = async (...given: Parameters<typeof embedded>) => (await embedded(...given)).sops.socket.path;
  assert.equal(await socket(runtime, () => true, { "/run/user/7": "folder" }), "/run/user/7/trousseau/sops.sock");
  assert.equal(await socket({}, (path) => path.startsWith("./run/")), resolve("run/sops.sock"));
  assert.equal(await socket({}, () => false), "/run/trousseau/sops.sock");
});

Deno.test("embeddedConfig() uses the state folder of systemd", async () => {
  const state = async (folder: string) => (await embedded({ STATE_DIRECTORY: folder }, () => true)).state;
  assert.equal(await state("/var/lib/trousseau/a:/b"), "/var/lib/trousseau/a");
  assert.equal(await state("not/absolute"), resolve("run/state"));
});

/** Files with the binary's write permissions, for a user who can write to these folders. */
function asUser(runtime: string | undefined, ...writable: string[]) {
  const environment = environmentFrom((name) => name === "XDG_RUNTIME_DIR" ? runtime : undefined);
  const kinds: Record<string, FileKind> = runtime === undefined ? {} : { [runtime]: "folder" };
  const canWrite = (folder: string) => writable.some((one) => folder.startsWith(one));
  return { environment, files: fakeFiles({ kinds, canWrite }) };
}

async function placesOf(user: ReturnType<typeof asUser>) {
  const config = await embeddedConfig(user.environment, user.files);
  return { config, state: config.state, isVolatile: isVolatile(config, user.environment) };
}

Deno.test("embeddedConfig() keeps its state in /var/lib/trousseau if this user can write there, else in the session's folder", async () => {
  const root = await placesOf(asUser("/run/user/0", "/"));
  assert.deepEqual([root.state, root.isVolatile], ["/var/lib/trousseau", false]);
  const user = await placesOf(asUser("/run/user/7", "/run/user/7"));
  assert.deepEqual([user.state, user.isVolatile], ["/run/user/7/trousseau/state", true]);
  const elsewhere = await placesOf(asUser("/tmp/runtime", "/tmp/runtime"));
  assert.deepEqual([elsewhere.state, elsewhere.isVolatile], ["/var/lib/trousseau", false]);
});

Deno.test("requirePlace() names the folders that were tried and a command line that works", async () => {
  const refusal = async (user: ReturnType<typeof asUser>, command: "serve" | "sops" = "serve") => {
    const { config } = await placesOf(user);
    const service = command === "serve"
      ? { command, action: "serve", socket: config.socket }
      : { command, action: "serve SOPS", socket: config.sops.socket };
    return await requirePlace(config, service, user).then(() => "", ({ code, message }) => `${code}: ${message}`);
  };
  assert.equal(await refusal(asUser("/run/user/0", "/")), "");
  assert.equal(await refusal(asUser("/run/user/7", "/run/user/7")), "");
  const without = await refusal(asUser(undefined));
  assert.match(
    without,
    /^config: Cannot serve .* cannot write to \/var\/lib\/trousseau and \/run\/trousseau, and XDG_RUN/,
  );
  assert.match(without, /XDG_RUNTIME_DIR is not set\..* XDG_RUNTIME_DIR=\/run\/user\/\$\(id -u\) trousseau serve;/);
  assert.match(
    without,
    /-o \$\(id -un\) \/run\/trousseau-trial && XDG_RUNTIME_DIR=\/run\/trousseau-trial trousseau serve$/,
  );
  assert.match(
    await refusal(asUser("/tmp/runtime"), "sops"),
    /^config: Cannot serve SOPS .*XDG_RUNTIME_DIR \(\/tmp\/runtime\) is of no use\..*trousseau sops$/,
  );
  const { config } = await placesOf(asUser(undefined));
  await requirePlace({ ...config, file: "/etc/trousseau/trousseau.yaml" }, {
    command: "serve",
    action: "serve",
    socket: config.socket,
  }, asUser(undefined));
});

Deno.test("embeddedConfig() refuses a socket in a folder with too long a name", async () => {
  const runtime = `/run/${"x".repeat(100)}`;
  await assert.rejects(embedded({ XDG_RUNTIME_DIR: runtime }, () => true, { [runtime]: "folder" }), {
    code: "config",
    message: `Cannot listen: ${runtime}/trousseau/kms.sock lies in a folder whose path has more than 95 bytes. ` +
      "Start in a folder with a shorter name, or write a config.",
  });
});

Deno.test("embeddedConfig() equals a config of one local provider", async () => {
  const config = await embedded({}, () => false);
  const { hash: _, ...written } = await loadFake(localProvider);
  // A trial opens no port.
  const keyring = { ...config.keyring, listen: written.keyring.listen };
  assert.equal(config.keyring.listen, undefined);
  assert.deepEqual({ ...config, file: fakePath, providers: written.providers, keyring }, written);
});

/** All modules that are loaded with a file, by its static imports, including packages. */
async function loadedWith(file: URL, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(file.href)) return seen;
  seen.add(file.href);
  const source = await Deno.readTextFile(file);
  for (const [, type, specifier] of source.matchAll(/^(?:import|export) (type )?[^;]*?from "([^"]+)";/gm)) {
    if (type !== undefined || specifier === undefined) continue;
    if (specifier.startsWith(".")) await loadedWith(new URL(specifier, file), seen);
    else seen.add(specifier);
  }
  return seen;
}

Deno.test("embeddedConfig() and loadConfig() load neither YAML nor the schema before there is a config", async () => {
  for (const file of ["defaults.ts", "environment.ts", "files.ts", "load.ts"]) {
    const packages = [...await loadedWith(new URL(file, import.meta.url))].filter((name) => !name.startsWith("file:"));
    assert.deepEqual(packages.filter((name) => !name.startsWith("node:")), [], file);
  }
  // Proves that the walk finds them.
  const schema = await loadedWith(new URL("schema.ts", import.meta.url));
  assert.ok(schema.has("zod/mini"));
});

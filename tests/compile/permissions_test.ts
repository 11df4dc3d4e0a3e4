import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type Artefact,
  artefacts,
  bakedFlags,
  clectl,
  permissionFlags,
  runFlags,
  trousseau,
  v8Flags,
} from "../../deploy/compile/artefacts.ts";

// Written out once more on purpose: a change of the table has to be made in two places, and seen.
const expected = {
  net: "all",
  read: "all",
  write: ["/run", "/var/run", "/var/lib/trousseau", "/var/lib/trousseaud"],
  env: [
    "TROUSSEAU_CONFIG",
    "XDG_RUNTIME_DIR",
    "STATE_DIRECTORY",
    "MAINPID",
    "NO_COLOR",
    "TERM",
    "VAULT_TOKEN",
    "BAO_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "TROUSSEAU_SECRET_*",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_USE_ENV_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
    "DENO_TLS_CA_STORE",
    "SSLKEYLOGFILE",
    "NODE_DEBUG",
    "NODE_OPTIONS",
    "DENO_V8_FLAGS",
    "DENO_COVERAGE_DIR",
    "DENO_AUDIT_PERMISSIONS",
    "OTEL_DENO",
  ],
  sys: ["statfs"],
  run: [],
  ffi: [],
  import: [],
};

Deno.test("permissions of trousseau are these and no others", () => {
  assert.deepEqual(trousseau.permissions, expected);
  assert.deepEqual(permissionFlags(), [
    "--no-prompt",
    "--allow-net",
    "--allow-read",
    "--allow-write=/run,/var/run,/var/lib/trousseau,/var/lib/trousseaud",
    `--allow-env=${expected.env.join(",")}`,
    "--allow-sys=statfs",
    "--deny-run",
    "--deny-ffi",
    "--deny-import",
    "--ignore-env",
  ]);
});

Deno.test("permissions of clectl are these and no others", () => {
  const wildcards = ["0.0.0.0", "[::]", "127.0.0.1:0", "[::1]:0", "localhost:0"];
  assert.deepEqual(clectl.permissions, {
    net: { allBut: wildcards },
    read: "all",
    write: "all",
    env: ["CLECTL_ADDRESS", "CLECTL_CONTEXT", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"],
    sys: [],
    run: [],
    ffi: [],
    import: [],
  });
  assert.deepEqual(permissionFlags(clectl), [
    "--no-prompt",
    "--allow-net",
    `--deny-net=${wildcards.join(",")}`,
    "--allow-read",
    "--allow-write",
    "--allow-env=CLECTL_ADDRESS,CLECTL_CONTEXT,HOME,XDG_CONFIG_HOME,XDG_STATE_HOME",
    "--deny-sys",
    "--deny-run",
    "--deny-ffi",
    "--deny-import",
    "--ignore-env",
  ]);
});

Deno.test("artefacts have names and entries of their own", () => {
  assert.deepEqual(artefacts.map(({ name, entry }) => [name, entry]), [
    ["trousseau", "main.ts"],
    ["clectl", "lib/cli/clectl/main.ts"],
  ]);
  assert.deepEqual(artefacts.map(({ v8Flags }) => v8Flags), [v8Flags, []]);
  assert.deepEqual(artefacts.map(({ unstable }) => unstable), [[], ["worker-options"]]);
  assert.deepEqual(artefacts.map(({ readsOnImport }) => readsOnImport), [true, false]);
});

for (const artefact of artefacts) {
  Deno.test(`bakedFlags() and runFlags() of ${artefact.name} differ by what a single file needs, and grant the same`, () => {
    const grants = (flags: readonly string[]) => flags.filter((flag) => /^--(allow|deny|ignore|no-prompt)/.test(flag));
    const { v8Flags } = artefact;
    const expected = v8Flags.length === 0 ? [] : [`--v8-flags=${v8Flags.join(",")}`];
    for (const flags of [bakedFlags(artefact), runFlags(artefact)]) {
      assert.deepEqual(grants(flags), permissionFlags(artefact));
      assert.deepEqual(flags.filter((flag) => flag.startsWith("--v8-flags")), expected);
      assert.ok(flags.includes("--no-code-cache"));
    }
  });
}

/** Tries each name's code under the flags of an artefact, in an empty folder, and tells how it ended. */
async function attempt(
  attempts: Readonly<Record<string, string>>,
  artefact: Artefact = trousseau,
): Promise<Record<string, string>> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "module.js"), "export const loaded = true;");
    const tries = Object.entries(attempts).map(([name, code]) =>
      `try { outcome[${JSON.stringify(name)}] = String(await (async () => { ${code} })()); }
       catch (thrown) { outcome[${JSON.stringify(name)}] = thrown.name + ": " + thrown.message.split(",")[0]; }`
    );
    const probe = join(folder, "probe.js");
    await Deno.writeTextFile(
      probe,
      `const outcome = {}; const folder = import.meta.dirname;
       ${tries.join("\n")}
       await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(outcome)));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...runFlags(artefact), probe],
      cwd: folder,
      signal: AbortSignal.timeout(20_000),
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: "/somewhere",
        AWS_PROFILE: "not to be seen",
        TROUSSEAU_SECRET_X: "seen",
      },
    }).output();
    assert.notEqual(stdout.length, 0, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("permissions refuse processes, libraries, remote code and the machine's name", async () => {
  const outcome = await attempt({
    process: `return (await new Deno.Command("true").output()).success`,
    "node process": `(await import("node:child_process")).spawnSync("touch", [folder + "/touched"]);
      return await Deno.stat(folder + "/touched").then(() => "touched", (thrown) => thrown.name)`,
    library: `return Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {})`,
    addon: `return process.dlopen({ exports: {} }, "/tmp/addon.node")`,
    https: `return typeof await import("https://example.com/module.js")`,
    "default host": `return typeof await import("https://deno.land/module.js")`,
    loopback: `return typeof await import("http://127.0.0.1:9/module.js")`,
    npm: `return typeof await import("npm:yaml")`,
    hostname: `return Deno.hostname()`,
    user: `return Deno.uid()`,
    ask: `return (await Deno.permissions.request({ name: "run" })).state`,
  });
  assert.deepEqual(outcome, {
    process: 'NotCapable: Requires run access to "true"',
    "node process": "NotFound",
    library: 'NotCapable: Requires ffi access to "/lib/x86_64-linux-gnu/libc.so.6"',
    addon: 'NotCapable: Requires ffi access to "/tmp/addon.node"',
    https: 'TypeError: Requires import access to "example.com:443"',
    "default host": 'TypeError: Requires import access to "deno.land:443"',
    loopback: 'TypeError: Requires import access to "127.0.0.1:9"',
    npm: "TypeError: npm specifiers were requested; but --no-npm is specified",
    hostname: 'NotCapable: Requires sys access to "hostname"',
    user: 'NotCapable: Requires sys access to "uid"',
    ask: "denied",
  });
});

Deno.test("permissions let trousseau read the free space of a disk, which a service gives up", async () => {
  const outcome = await attempt({
    before: `return (await import("node:fs")).statfsSync("/").bsize > 0`,
    after: `await Deno.permissions.revoke({ name: "sys" }); return (await import("node:fs")).statfsSync("/").bsize`,
  });
  assert.deepEqual(outcome, { before: "true", after: 'NotCapable: Requires sys access to "statfs"' });
});

Deno.test("permissions of clectl refuse servers, processes, libraries and remote code", async () => {
  const outcome = await attempt({
    "every interface": `Deno.listen({ port: 0 }); return "listens"`,
    "every interface, fixed": `Deno.listen({ port: 1, hostname: "0.0.0.0" }); return "listens"`,
    "every interface, IPv6": `Deno.listen({ port: 1, hostname: "::" }); return "listens"`,
    "a free port": `Deno.listen({ port: 0, hostname: "127.0.0.1" }); return "listens"`,
    "a web server": `Deno.serve({ onListen() {} }, () => new Response("")); return "listens"`,
    "a node server": `const { createServer } = await import("node:net");
      await new Promise((resolve, reject) => createServer().on("error", reject).listen(0, resolve)); return "listens"`,
    process: `return (await new Deno.Command("true").output()).success`,
    library: `return Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {})`,
    code: `return typeof await import("https://example.com/module.js")`,
    hostname: `return Deno.hostname()`,
  }, clectl);
  for (const [what, how] of Object.entries(outcome)) assert.match(how, /^(NotCapable|TypeError): Requires /, what);
  assert.equal(Object.keys(outcome).length, 10);
});

Deno.test("permissions of clectl let it connect, and write where people keep files", async () => {
  const outcome = await attempt({
    connect: `await Deno.connect({ hostname: "127.0.0.1", port: 1 })`,
    write: `await Deno.writeTextFile(folder + "/file", "kept"); return await Deno.readTextFile(folder + "/file")`,
    variable: `return Deno.env.get("TROUSSEAU_SECRET_X")`,
    home: `return typeof Deno.env.get("HOME")`,
    worker: `const source = "Deno.permissions.query({ name: 'read' }).then(({ state }) => postMessage(state))";
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const worker = new Worker(url, { type: "module", deno: { permissions: "none" } });
      const state = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
      worker.terminate();
      return state`,
  }, clectl);
  assert.match(outcome["connect"] ?? "", /^ConnectionRefused: /);
  const others = { write: "kept", variable: "undefined", home: "string", worker: "prompt" };
  assert.deepEqual({ ...outcome, connect: "" }, { connect: "", ...others });
});

Deno.test("permissions refuse writes outside the three folders", async () => {
  const name = `trousseau-permissions-${crypto.randomUUID()}`;
  const outcome = await attempt({
    tmp: `await Deno.writeTextFile("/tmp/${name}", ""); return "written"`,
    folder: `await Deno.writeTextFile(folder + "/file", ""); return "written"`,
    etc: `await Deno.writeTextFile("/etc/${name}", ""); return "written"`,
    sibling: `await Deno.writeTextFile("/var/lib/trousseau-${name}", ""); return "written"`,
    around: `await Deno.writeTextFile("/run/../tmp/${name}", ""); return "written"`,
    socket: `Deno.listen({ transport: "unix", path: "/tmp/${name}" }); return "written"`,
  });
  for (const [where, how] of Object.entries(outcome)) assert.match(how, /^NotCapable: Requires write access/, where);
  assert.equal(Object.keys(outcome).length, 6);
});

Deno.test("permissions hide every variable that is not on the list", async () => {
  const outcome = await attempt({
    home: `return Deno.env.get("HOME")`,
    foreign: `return process.env.AWS_PROFILE`,
    all: `return Object.keys(Deno.env.toObject()).filter((name) => !/^(NO_COLOR|TERM|XDG_RUNTIME_DIR)$/.test(name))`,
    listed: `return Deno.env.get("TROUSSEAU_SECRET_X")`,
  });
  assert.deepEqual(outcome, { home: "undefined", foreign: "undefined", all: "TROUSSEAU_SECRET_X", listed: "seen" });
});

// Where reading is open, so is the import of a file that is on the disk already. What such a file may do is what this
// test pins down: no more than the program itself.
Deno.test("permissions of code that is loaded from the disk are those of the program", async () => {
  const outcome = await attempt({
    file: `await Deno.permissions.query({ name: "run" }); return (await import(folder + "/module.js")).loaded`,
    worker: `return await new Promise((resolve) => {
      const code = 'postMessage((await Deno.permissions.query({ name: "run" })).state)';
      const worker = new Worker("data:text/javascript," + encodeURIComponent(code), { type: "module" });
      worker.onmessage = (event) => {
        worker.terminate();
        resolve(event.data);
      };
    })`,
  });
  assert.deepEqual(outcome, { file: "true", worker: "denied" });
});

Deno.test("v8Flags offer the collection that lib/app/collect.ts asks for", async () => {
  const outcome = await attempt({
    // Code that nobody runs any more goes too, which a plain collection would keep.
    collect: `const held = () => process.memoryUsage().heapUsed;
      const used = new Function("return [" + "1,".repeat(200_000) + "].length")();
      const before = held();
      gc({ type: "major", flavor: "last-resort" });
      return used === 200_000 && before - held() > 400_000`,
  });
  assert.deepEqual(outcome, { collect: "true" });
});

Deno.test("runFlags() of trousseau read a module when it is imported, and not before", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const program = join(folder, "program.js");
    await Deno.writeTextFile(join(folder, "small.js"), "export const loaded = true;");
    await Deno.writeTextFile(join(folder, "large.js"), `/*${" ".repeat(64e6)}*/ export const loaded = true;`);
    await Deno.writeTextFile(
      program,
      `await import("./small.js");
       if (Deno.args.length > 0) await import("./large.js");
       await Deno.stdout.write(new TextEncoder().encode(String(Deno.memoryUsage().rss)));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...runFlags(trousseau), program],
      signal: AbortSignal.timeout(20_000),
    }).output();
    const resident = Number(new TextDecoder().decode(stdout));
    assert.ok(resident > 0 && resident < 64e6, `${resident} bytes ${new TextDecoder().decode(stderr)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

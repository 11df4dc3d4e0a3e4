import assert from "node:assert/strict";
import { join } from "node:path";
import { artefacts, clectl, trousseau } from "../../deploy/compile/artefacts.ts";
import { fileSha256 } from "../../lib/release/release_files.ts";
import { compareVersions, readElf } from "../../deploy/compile/elf.ts";
import { deno, repository, stage } from "../../deploy/compile/stage.ts";
import { binaryName, ownArchitecture } from "../../deploy/compile/targets.ts";
import { formatSums, parseSums } from "../../lib/release/sums.ts";
import { copyCheckout, copyPackages, findRuntime, runTool } from "./support.ts";

const runtime = await findRuntime();
const fileOf = (artefact: string) => binaryName(artefact, ownArchitecture(), true);

/** Compiles the checkout at `root`. */
async function compileIn(root: string, env: Record<string, string>): Promise<void> {
  await runTool(root, "deploy/compile/compile.ts", ["--stand-in"], env);
}

/** Compiles this checkout again, or another one, and compares with the sums. */
async function rebuildIn(root: string, sums: string): Promise<string> {
  return await runTool(root, "deploy/compile/rebuild.ts", [sums, "--stand-in"], runtime.env);
}

Deno.test("compile gives the same files from two checkouts with two caches, and rebuild tells a forged one", async (t) => {
  const folder = await Deno.makeTempDir();
  const [near, far] = [join(folder, "a"), join(folder, "another", "place", "altogether")];
  try {
    await copyCheckout(near);
    await copyCheckout(far);
    await Deno.mkdir(join(far, "tmp"));
    await Deno.symlink(join(far, "tmp"), join(folder, "link"));
    // Neither a temporary folder inside the checkout, nor the telemetry of the caller, gets into a binary.
    const elsewhere = {
      ...runtime.env,
      DENO_DIR: await copyPackages(join(folder, "cache")),
      TMPDIR: join(folder, "link"),
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: "caller",
      DENO_COMPAT: "1",
    };
    await compileIn(near, runtime.env);
    await compileIn(far, elsewhere);
    const sums = await Deno.readTextFile(join(near, "dist/SHA256SUMS"));

    await t.step("two checkouts", async () => {
      assert.equal(await Deno.readTextFile(join(far, "dist/SHA256SUMS")), sums);
      for (const name of artefacts.map(({ name }) => fileOf(name))) {
        assert.equal(await fileSha256(join(far, "dist", name)), await fileSha256(join(near, "dist", name)), name);
      }
    });

    await t.step("the sums are those of the files", async () => {
      const found = ["trousseau", "clectl"].map(fileOf).map(async (file) => ({
        file,
        sha256: await fileSha256(join(near, "dist", file)),
      }));
      assert.deepEqual(parseSums(sums), await Promise.all(found));
    });

    await t.step("rebuild from a relative temporary folder, which names the runtime inside", async () => {
      await Deno.mkdir(join(near, "tmp"));
      const said = await runTool(near, "deploy/compile/rebuild.ts", [join(far, "dist/SHA256SUMS"), "--stand-in"], {
        ...runtime.env,
        TMPDIR: "tmp",
      });
      const [first, second, third] = said.split("\n");
      assert.match(first ?? "", new RegExp(`^Equal: ${fileOf("trousseau")} [0-9a-f]{64}\\.$`));
      assert.match(second ?? "", new RegExp(`^Equal: ${fileOf("clectl")} [0-9a-f]{64}\\.$`));
      const inside = await fileSha256(runtime.env["DENORT_BIN"] ?? "");
      assert.match(third ?? "", new RegExp(`^The runtime inside is a stand-in for denort .* SHA-256 ${inside}\\.$`));
    });

    await t.step("rebuild refuses a sum that was forged", async () => {
      const forged = join(folder, "SHA256SUMS");
      const lie = parseSums(sums).map((sum) =>
        sum.file === fileOf("clectl") ? { ...sum, sha256: "0".repeat(64) } : sum
      );
      await Deno.writeTextFile(forged, formatSums(lie));
      await assert.rejects(rebuildIn(near, forged));
    });

    await t.step("a compilation that fails leaves the last result whole", async () => {
      const before = await Deno.readTextFile(join(near, "lib/cli/clectl/main.ts"));
      await Deno.writeTextFile(join(near, "lib/cli/clectl/main.ts"), "import './nowhere.ts';");
      await assert.rejects(compileIn(near, runtime.env), /nowhere/);
      await Deno.writeTextFile(join(near, "lib/cli/clectl/main.ts"), before);
      assert.equal(await Deno.readTextFile(join(near, "dist/SHA256SUMS")), sums);
      const files = (await Array.fromAsync(Deno.readDir(join(near, "dist")), ({ name }) => name)).toSorted();
      assert.deepEqual(files, ["SHA256SUMS", fileOf("clectl"), fileOf("trousseau")]);
      const found = parseSums(sums).map(({ file }) => fileSha256(join(near, "dist", file)));
      assert.deepEqual(await Promise.all(found), parseSums(sums).map(({ sha256 }) => sha256));
    });

    await t.step("another source gives another file", async () => {
      await Deno.writeTextFile(join(far, "main.ts"), "\nglobalThis.changed = true;\n", { append: true });
      await compileIn(far, runtime.env);
      assert.notEqual(await Deno.readTextFile(join(far, "dist/SHA256SUMS")), sums);
    });

    // In Deno's own form `[]` is everything of a kind, `null` is nothing, and a denial counts whatever else is allowed.
    const denied = { allow_run: null, deny_run: [], allow_ffi: null, deny_ffi: [] };
    const common = { ...denied, deny_import: [], allow_read: [], deny_read: null, ignore_read: null, prompt: false };

    await t.step("trousseau carries its permissions", async () => {
      assert.deepEqual(await bakedPermissions(join(near, "dist", fileOf("trousseau"))), {
        ...common,
        allow_sys: ["statfs"],
        deny_sys: null,
        allow_net: [],
        deny_net: null,
        allow_write: ["/run", "/var/run", "/var/lib/trousseau", "/var/lib/trousseaud"],
        deny_write: null,
        allow_env: trousseau.permissions.env,
        deny_env: null,
        ignore_env: [],
      });
    });

    await t.step("clectl carries its permissions", async () => {
      assert.deepEqual(await bakedPermissions(join(near, "dist", fileOf("clectl"))), {
        ...common,
        allow_sys: null,
        deny_sys: [],
        allow_net: [],
        deny_net: clectl.permissions.net.allBut,
        allow_write: [],
        deny_write: null,
        allow_env: clectl.permissions.env,
        deny_env: null,
        ignore_env: [],
      });
    });

    await t.step({
      name: `the binaries run${
        runtime.real ? "" : " (cannot: no denort is at hand, and Deno itself stands in for it)"
      }`,
      ignore: !runtime.real,
      fn: async () => {
        for (const { name } of artefacts) {
          const { code, stdout } = await new Deno.Command(join(near, "dist", fileOf(name)), { args: ["version"] })
            .output();
          assert.equal(code, 0);
          assert.match(new TextDecoder().decode(stdout), new RegExp(`^${name} 0\\.\\d+\\.\\d+`));
        }
      },
    });

    await t.step("the image's base has all that the file asks for", async () => {
      const needs = readElf(await Deno.readFile(join(near, "dist", fileOf("trousseau"))));
      assertServedByImage(needs);
      for (const page of ["docs/install.md", "docs/compatibility.md"]) {
        const text = await Deno.readTextFile(join(repository, page));
        assert.ok(text.includes(`glibc ${needs.glibc} or later`), `${page} does not say glibc ${needs.glibc}`);
        assert.ok(text.includes("`libgcc_s.so.1`"), page);
      }
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Reads the permissions out of the compiled file. */
async function bakedPermissions(binary: string): Promise<Record<string, unknown>> {
  const bytes = await Deno.readFile(binary);
  const tail = new TextDecoder("latin1").decode(bytes.subarray(-8 * 1024 * 1024));
  const found = /"permissions":(\{"allow_env":[^{}]*\})/.exec(tail)?.[1];
  assert.ok(found !== undefined, "no permissions in the compiled file");
  // Deno writes the settings of its telemetry beside them.
  const telemetry = /"otel_config":(\{[^{}]*\})/.exec(tail)?.[1] ?? "";
  const { tracing_enabled, metrics_enabled, console }: Record<string, unknown> = JSON.parse(telemetry);
  assert.deepEqual([tracing_enabled, metrics_enabled, console], [false, false, "Ignore"]);
  const { allow_import: hosts, ...rest }: Record<string, unknown> = JSON.parse(found);
  assert.ok(Array.isArray(hosts), "Deno's own list of hosts, all of which are denied");
  return rest;
}

// The files of Debian 13's libc6 2.41 and libgcc-s1, from the packages' own lists; the links `/lib` and `/lib64` to them
// are those of its base-files. distroless takes the packages as they are (its cc/README.md and base/README.md);
// libstdc++, libgomp and OpenSSL are there as well, unasked for.
const base = {
  image: "gcr.io/distroless/cc-debian13:nonroot",
  glibc: "2.41",
  loader: { amd64: "/lib64/ld-linux-x86-64.so.2", arm64: "/lib/ld-linux-aarch64.so.1" },
  libraries: [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
  ],
} as const;

function assertServedByImage(needs: ReturnType<typeof readElf>): void {
  assert.equal(needs.interpreter, base.loader[needs.machine]);
  const lacking = needs.libraries.filter((library) => !base.libraries.some((known) => known === library));
  assert.deepEqual(lacking, [], `${base.image} lacks these libraries`);
  assert.ok(compareVersions(needs.glibc, base.glibc) <= 0, `the file asks for glibc ${needs.glibc}`);
}

Deno.test("assertServedByImage() tells a library, a loader and a glibc that the image lacks", () => {
  const needs = { machine: "arm64", interpreter: base.loader.arm64, libraries: ["libc.so.6"], glibc: "2.41" } as const;
  assertServedByImage(needs);
  assert.throws(() => assertServedByImage({ ...needs, libraries: ["libz.so.1"] }), /lacks these libraries/);
  assert.throws(() => assertServedByImage({ ...needs, glibc: "2.43" }), /asks for glibc 2\.43/);
  assert.throws(() => assertServedByImage({ ...needs, interpreter: "/lib/ld-musl-aarch64.so.1" }));
});

Deno.test("the image is the one that the libraries were listed for", async () => {
  assert.match(await Deno.readTextFile(join(repository, "Dockerfile")), new RegExp(`^ARG BASE=${base.image}$`, "m"));
});

Deno.test("stage makes modules that need nothing beside them, and reads one that is imported dynamically at its first use", async () => {
  const folder = await Deno.makeTempDir();
  const source = join(folder, "checkout");
  try {
    await copyCheckout(source);
    await Deno.writeTextFile(join(source, "late.ts"), `globalThis.dispatchEvent(new Event("late"));\nexport {};\n`);
    await Deno.writeTextFile(
      join(source, "entry.ts"),
      `let late = 0;
       addEventListener("late", () => late++);
       await Deno.stdout.write(new TextEncoder().encode(String(late)));
       if (Deno.args[0] === "load") await import("./late.ts");
       await Deno.stdout.write(new TextEncoder().encode(String(late)));`,
    );
    const { modules, launcher } = await stage(join(folder, "stage"), {
      root: source,
      artefact: { ...trousseau, entry: "entry.ts", name: "late" },
    });
    await Deno.remove(source, { recursive: true });
    const run = async (...args: string[]) => {
      const { stdout } = await new Deno.Command(launcher, { args, env: { DENO: Deno.execPath() } }).output();
      return new TextDecoder().decode(stdout);
    };
    assert.deepEqual([await run(), await run("load")], ["00", "01"]);
    const files = await Array.fromAsync(Deno.readDir(modules), ({ name }) => join(modules, name));
    for (const file of files) assert.equal((await Deno.stat(file)).mtime?.toISOString(), "2000-01-01T00:00:00.000Z");
    const late = files.filter((file) => /\/late-[0-9a-f]{12}\.js$/.test(file));
    for (const file of late) await Deno.remove(file);
    assert.deepEqual([late.length, await run(), await run("load")], [1, "00", "0"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const artefact of artefacts) {
  Deno.test(`the staged ${artefact.name} imports nothing but what is inside the runtime`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { modules, entry } = await stage(folder, { artefact });
      const graph: { modules: { specifier: string }[] } = JSON.parse(
        await deno(["info", "--json", "--no-config", "--no-remote", "--no-npm", entry], modules),
      );
      const beside = graph.modules.map(({ specifier }) => specifier).filter((name) => !name.startsWith("node:"));
      const place = await Deno.realPath(modules);
      const files = await Array.fromAsync(Deno.readDir(place), ({ name }) => `file://${join(place, name)}`);
      assert.deepEqual(beside.toSorted(), files.toSorted());
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

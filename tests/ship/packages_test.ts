/**
 * The packages as Debian's and rpm's own tools see them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type PackageFile, packageFiles, type PackageName } from "../../deploy/packages/package_files.ts";
import { packages } from "../../deploy/packages/packages.ts";
import { manualsOf } from "../../deploy/packages/program_manuals.ts";
import { maintainerScript, scriptNames } from "../../deploy/packages/scripts.ts";
import { repository } from "../../deploy/compile/stage.ts";
import { run } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const edition = { version: "0.1.0", sourceDate: 1_700_000_000 };

/** The packages around a program of four lines, which no test of this file runs. */
async function makePackages(dist: string): Promise<readonly string[]> {
  await Deno.writeTextFile(join(dist, "program"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const both = (["trousseau", "clectl"] as const).flatMap((artefact) =>
    (["amd64", "arm64"] as const).map((architecture) => ({ artefact, architecture, path: "program", standIn: false }))
  );
  const context = { root: repository, dist, commit: "0".repeat(40), binaries: both, ...edition };
  return await packages.make(context, AbortSignal.timeout(120_000));
}

async function output(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, args);
  assert.equal(code, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

const dist = await Deno.makeTempDir();
const made = await makePackages(dist);
globalThis.addEventListener("unload", () => Deno.removeSync(dist, { recursive: true }));

/** Mode as `ls` prints it, path, and the target of a link. */
function line({ to, from, mode = 0o644 }: PackageFile): string {
  if ("link" in from) return `l ${to} ${from.link}`;
  return `${mode.toString(8)} ${to}`;
}

const modes = { "rwx": 7, "rw-": 6, "r-x": 5, "r--": 4, "---": 0 } as const;

function readMode(text: string): string {
  return [1, 4, 7].map((at) => modes[text.slice(at, at + 3) as keyof typeof modes]).join("");
}

/** The rows of `dpkg-deb -c`, without folders: each belongs to root. */
function debRows(listing: string): string[] {
  return listing.trimEnd().split("\n").filter((row) => !row.startsWith("d")).map((row) => {
    const [, mode = "", path = "", target] = /^(\S+) root\/root +\d+ \S+ \S+ \.(\S+)(?: -> (\S+))?$/.exec(row) ?? [];
    return target === undefined ? `${readMode(mode)} ${path}` : `l ${path} ${target}`;
  });
}

/** The rows of `rpm -qplv`. */
function rpmRows(listing: string): string[] {
  return listing.trimEnd().split("\n").map((row) => {
    const [, mode = "", path = "", target] =
      /^(\S+) +1 root +root +\d+ \w+ +\d+ +[\d:]+ (\S+)(?: -> (\S+))?$/.exec(row) ?? [];
    return target === undefined ? `${readMode(mode)} ${path}` : `l ${path} ${target}`;
  });
}

Deno.test("packages: eight files, and twice the same bytes", async () => {
  assert.deepEqual([...made].toSorted(), [
    "clectl-0.1.0-1.aarch64.rpm",
    "clectl-0.1.0-1.x86_64.rpm",
    "clectl_0.1.0_amd64.deb",
    "clectl_0.1.0_arm64.deb",
    "trousseau-0.1.0-1.aarch64.rpm",
    "trousseau-0.1.0-1.x86_64.rpm",
    "trousseau_0.1.0_amd64.deb",
    "trousseau_0.1.0_arm64.deb",
  ]);
  await inFolder(async (again) => {
    assert.deepEqual(await makePackages(again), made);
    for (const file of made) {
      assert.deepEqual(await Deno.readFile(join(dist, file)), await Deno.readFile(join(again, file)), file);
    }
  });
});

for (const name of ["trousseau", "clectl"] as const satisfies readonly PackageName[]) {
  Deno.test(`dpkg-deb -c of ${name}: the files of the table, each with its mode, and no other`, async () => {
    const expected = packageFiles(name, "deb", (await manualsOf(name, edition)).keys()).map(line);
    for (const machine of ["amd64", "arm64"]) {
      const file = join(dist, `${name}_0.1.0_${machine}.deb`);
      assert.deepEqual(debRows(await output("dpkg-deb", "-c", file)).toSorted(), expected.toSorted());
      assert.equal((await output("dpkg-deb", "-f", file, "Architecture")).trim(), machine);
    }
  });

  Deno.test(`rpm -qpl of ${name}: the files of the table, each with its mode, and no other`, async () => {
    const files = packageFiles(name, "rpm", (await manualsOf(name, edition)).keys());
    for (const machine of ["x86_64", "aarch64"]) {
      const file = join(dist, `${name}-0.1.0-1.${machine}.rpm`);
      assert.deepEqual(rpmRows(await output("rpm", "-qplv", file)).toSorted(), files.map(line).toSorted());
      assert.equal(await output("rpm", "-qp", "--qf", "%{ARCH}", file), machine);
      const config = files.filter(({ kind }) => kind === "config").map(({ to }) => to);
      assert.deepEqual(
        (await output("rpm", "-qpc", file)).trimEnd().split("\n").filter((path) => path.startsWith("/")),
        config,
      );
    }
  });

  Deno.test(`rpm installs ${name} into a root, refuses it for another architecture, and removes it`, async () => {
    await inFolder(async (root) => {
      // rpm runs scripts inside the root, which has no shell: those of the packages are tested in a machine.
      const into = ["--root", root, "--nodeps", "--noscripts"];
      const own = Deno.build.arch === "x86_64" ? "x86_64" : "aarch64";
      const other = own === "x86_64" ? "aarch64" : "x86_64";
      const refused = await run("rpm", [...into, "-i", join(dist, `${name}-0.1.0-1.${other}.rpm`)]);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /intended for a different architecture/);
      await output("rpm", ...into, "-i", join(dist, `${name}-0.1.0-1.${own}.rpm`));
      assert.equal(
        await output("rpm", "--root", root, "-V", "--nodeps", name),
        "",
        "rpm finds the files as they should be",
      );
      assert.equal((await Deno.stat(join(root, `usr/bin/${name}`))).mode, 0o100_755);
      await output("rpm", ...into, "-e", name);
      await assert.rejects(Deno.stat(join(root, `usr/bin/${name}`)), Deno.errors.NotFound);
    });
  });

  Deno.test(`lintian has no complaint about ${name} but those whose reasons stand in the package`, async () => {
    const file = join(dist, `${name}_0.1.0_amd64.deb`);
    // The stand-in for the program is a script: what lintian says of a binary is told by the real one alone.
    assert.equal(
      await output("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", file),
      "",
    );
  });

  Deno.test(`mandoc and groff take the manual pages of ${name} without a warning`, async () => {
    await inFolder(async (folder) => {
      for (const [page, text] of await manualsOf(name, edition)) {
        const file = join(folder, page);
        await Deno.writeTextFile(file, text);
        assert.equal(await output("mandoc", "-T", "lint", "-W", "warning", file), "", page);
        const { code, stdout, stderr } = await run("groff", ["-man", "-ww", "-T", "utf8", "-z", file]);
        assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" }, page);
      }
    });
  });
}

Deno.test("shellcheck has no complaint about the scripts", async () => {
  await inFolder(async (folder) => {
    for (const name of scriptNames) {
      const file = join(folder, `${name}.sh`);
      await Deno.writeTextFile(file, await maintainerScript(name));
      // Not every script calls each of the functions at its head.
      assert.equal(await output("shellcheck", "--shell=sh", "--exclude=SC2317", file), "");
    }
  });
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { repository } from "../compile/stage.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { environmentFrom } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { contentOf, fakeFiles } from "../../tests/support/fake_files.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { debianVersion } from "./package_contents.ts";
import { type PackageFile, packageFiles, packageFormats, type PackageName } from "./package_files.ts";
import { packageFile } from "./packages.ts";
import { manuals as manualsPart, manualsOf } from "./program_manuals.ts";
import { maintainerScript, scriptNames } from "./scripts.ts";

const edition = { version: "1.2.3", sourceDate: 1_700_000_000 };
const names = ["trousseau", "clectl"] as const satisfies readonly PackageName[];

const manuals = { trousseau: await manualsOf("trousseau", edition), clectl: await manualsOf("clectl", edition) };

const filesOf = (name: PackageName, format: "deb" | "rpm") => packageFiles(name, format, manuals[name].keys());

/** The file of the checkout that a file comes from. */
function sourceOf({ from }: PackageFile): string | undefined {
  return "file" in from ? from.file : "unit" in from ? from.unit : undefined;
}

for (const name of names) {
  for (const format of packageFormats) {
    Deno.test(`packageFiles() of ${name} as ${format} names each path once, and files of the checkout that are there`, async () => {
      const files = filesOf(name, format);
      assert.equal(new Set(files.map(({ to }) => to)).size, files.length);
      for (const file of files) {
        assert.match(file.to, /^\/(usr|etc)\/[\w./+-]+$/);
        assert.equal(file.kind === "config", file.to.startsWith("/etc/"), file.to);
        const source = sourceOf(file);
        if (source !== undefined) assert.ok((await Deno.stat(join(repository, source))).isFile, source);
      }
      const programs = files.filter(({ to }) => to.startsWith("/usr/bin/")).map(({ to }) => to);
      assert.deepEqual(
        programs,
        name === "clectl" ? ["/usr/bin/clectl"] : ["/usr/bin/trousseau", "/usr/bin/trousseaud"],
      );
    });
  }
}

Deno.test("packageFiles() leaves out no unit, policy, example, alert or rotation of deploy/", () => {
  const packaged = new Set(filesOf("trousseau", "deb").map(sourceOf));
  const folders = ["systemd", "policies", "config", "logrotate"];
  const all = folders.flatMap((folder) =>
    [...Deno.readDirSync(join(repository, "deploy", folder))].map(({ name }) => `deploy/${folder}/${name}`)
  );
  const expected = [
    ...all.filter((path) => !path.endsWith(".ts")),
    "deploy/kubernetes/apiserver.sh",
    "deploy/prometheus/rules.yaml",
    "deploy/grafana/trousseau.json",
  ];
  assert.deepEqual(expected.filter((path) => !packaged.has(path)), []);
});

Deno.test("the units of the package name programs below /usr/bin alone", async () => {
  const units = filesOf("trousseau", "deb").filter(({ from }) => "unit" in from);
  assert.ok(units.length >= 5);
  for (const unit of units) {
    const text = await Deno.readTextFile(join(repository, sourceOf(unit) ?? ""));
    // A path that the package rewrites is below /usr/local/bin, and there is no other below /usr/local.
    assert.doesNotMatch(text.replaceAll("/usr/local/bin/", ""), /\/usr\/local/, unit.to);
  }
});

Deno.test("manualPages() has a page for each command of trousseau, and each command of clectl on its page", () => {
  const pages = trousseau.commands.map(({ name }) => `trousseau-${name.replaceAll(" ", "-")}.1`);
  assert.deepEqual([...manuals.trousseau.keys()].toSorted(), ["trousseau.1", ...pages].toSorted());
  assert.deepEqual([...manuals.clectl.keys()], ["clectl.1"]);
  const page = manuals.clectl.get("clectl.1") ?? "";
  for (const { name } of clectl.commands) assert.ok(page.includes(`\n.SS ${name.replaceAll("-", "\\-")}\n`), name);
  for (const { name } of trousseau.commands) {
    const text = manuals.trousseau.get(`trousseau-${name.replaceAll(" ", "-")}.1`) ?? "";
    for (const heading of ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"]) {
      assert.ok(text.includes(`\n.SH ${heading}\n`), `${name}: ${heading}`);
    }
    assert.match(text, /^\.TH TROUSSEAU-\S+ 1 2023-11-14 "Trousseau 1\.2\.3" "Trousseau"\n/);
  }
});

Deno.test("manuals writes the pages of both programs", async () => {
  await inFolder(async (dist) => {
    const context = { root: repository, dist, commit: "0".repeat(40), binaries: [], ...edition };
    const files = await manualsPart.make(context, AbortSignal.timeout(60_000));
    assert.deepEqual([...files].toSorted(), [...Deno.readDirSync(dist)].map(({ name }) => name).toSorted());
    assert.equal(await Deno.readTextFile(join(dist, "clectl.1")), manuals.clectl.get("clectl.1"));
    assert.equal(files.length, manuals.trousseau.size + 1);
  });
});

Deno.test("packageFile() names version and architecture as each format does, and a stand-in as such", () => {
  const binary = { artefact: "trousseau", architecture: "arm64", standIn: false } as const;
  assert.equal(packageFile("deb", "1.2.3", binary), "trousseau_1.2.3_arm64.deb");
  assert.equal(packageFile("rpm", "1.2.3", binary), "trousseau-1.2.3-1.aarch64.rpm");
  assert.equal(packageFile("deb", "1.2.3-rc.1", binary), "trousseau_1.2.3-rc.1_arm64.deb");
  assert.equal(packageFile("rpm", "1.2.3-rc.1", binary), "trousseau-1.2.3-rc.1-1.aarch64.rpm");
  assert.equal(packageFile("deb", "1.2.3", { ...binary, standIn: true }), "trousseau_1.2.3+standin_arm64.deb");
  assert.equal(packageFile("rpm", "1.2.3", { ...binary, standIn: true }), "trousseau-1.2.3+standin-1.aarch64.rpm");
});

Deno.test("debianVersion() sorts a pre-release before its release, at the first hyphen alone", () => {
  assert.deepEqual(["1.2.3", "1.2.3-rc.1", "1.2.3-rc-1"].map(debianVersion), ["1.2.3", "1.2.3~rc.1", "1.2.3~rc-1"]);
});

Deno.test("maintainerScript() is a script that a POSIX shell takes", async () => {
  for (const name of scriptNames) {
    const script = await maintainerScript(name);
    assert.ok(script.startsWith("#!/bin/sh\nset -eu\n"));
    const child = new Deno.Command("sh", { args: ["-n", "-c", script], stderr: "piped" });
    const { code, stderr } = await child.output();
    assert.equal(code, 0, `${name}: ${new TextDecoder().decode(stderr)}`);
  }
});

Deno.test("the packaged configuration loads, and its head names each line to edit", async () => {
  const text = await Deno.readTextFile(new URL("trousseau.yaml", import.meta.url));
  const head = [...text.matchAll(/^# {3}(\w+) {2}/gm)].map(([, name]) => name);
  const marked = [...text.matchAll(/^ +(\w+): .+ # edit$/gm)].map(([, name]) => name);
  assert.deepEqual(marked, head);
  assert.equal(marked.length, text.split("# edit").length - 1, "a mark stands behind a setting");
  const needs = [...text.matchAll(/\/etc\/trousseau\/(?!trousseau\.yaml)[\w.-]+/g)].map(([path]) => path);
  const contents = { "trousseau.yaml": text, ...Object.fromEntries(needs.map((path) => [path, contentOf(path)])) };
  const { providers } = await loadConfig("trousseau.yaml", environmentFrom(() => undefined), fakeFiles({ contents }));
  assert.equal(providers.length, 1);
  for (const line of text.split("\n").filter((line) => /example\.com|\/etc\/trousseau\/[rsv]/.test(line))) {
    assert.match(line, /# edit$/, "a value of the example without a mark");
  }
});

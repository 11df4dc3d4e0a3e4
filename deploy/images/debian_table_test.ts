import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { repository } from "../compile/stage.ts";
import { allPackages, debianPackages, debianTableFile, packagesOf, readDebianTable } from "./debian_table.ts";

Deno.test("readDebianTable() reads the committed table: each package for both machines", async () => {
  const packages = allPackages(await readDebianTable(repository));
  assert.equal(packages.length, 2 * Object.values(debianPackages).flat().length);
  const names = packages.map(({ name, architecture }) => `${name} ${architecture}`);
  assert.equal(new Set(names).size, names.length);
  for (const { name, architecture, path } of packages) {
    assert.match(path, new RegExp(`/${name}_[^/]+_(${architecture}|all)\\.deb$`));
  }
});

Deno.test("packagesOf() gives the packages of one layer and machine", async () => {
  const found = packagesOf(await readDebianTable(repository), "debug", "arm64");
  assert.deepEqual(found.map(({ name, architecture }) => [name, architecture]), [["busybox-static", "arm64"]]);
});

/** A change of one row, or of the whole table. */
const changes: Readonly<Record<string, (table: Record<string, Record<string, Record<string, unknown>>>) => unknown>> = {
  "a list": () => [],
  "a package that is missing": ({ libc6: _, ...rest }) => rest,
  "a package that no layer has": (table) => ({ ...table, perl: table["libc6"] }),
  "a machine that is missing": (table) => ({ ...table, libc6: { amd64: table["libc6"]?.["amd64"] } }),
  "a short sum": (table) => withField(table, "sha256", "ab"),
  "a path that leads upwards": (table) => withField(table, "path", "pool/../../etc/passwd.deb"),
  "a path elsewhere": (table) => withField(table, "path", "/etc/libc6.deb"),
  "an unknown archive": (table) => withField(table, "archive", "elsewhere"),
  "a size of nothing": (table) => withField(table, "size", 0),
  "an unknown field": (table) => withField(table, "md5", "ab"),
};

function withField(table: Record<string, Record<string, Record<string, unknown>>>, name: string, value: unknown) {
  const row = table["libc6"];
  return { ...table, libc6: { ...row, arm64: { ...row?.["arm64"], [name]: value } } };
}

for (const [name, change] of Object.entries(changes)) {
  Deno.test(`readDebianTable() refuses ${name}`, async () => {
    const table = JSON.parse(await Deno.readTextFile(join(repository, debianTableFile)));
    await inFolder(async (folder) => {
      const path = join(folder, debianTableFile);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, JSON.stringify(change(table)));
      await assert.rejects(readDebianTable(folder), /^Error: Cannot read deploy\/images\/debian\.json: [^\n]+$/);
    });
  });
}

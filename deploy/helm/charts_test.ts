import { deepEqual, match, ok, rejects } from "node:assert/strict";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import type { ReleaseContext } from "../release/part.ts";
import { charts } from "./charts.ts";

const root = new URL("../..", import.meta.url).pathname;
const { version }: { version: string } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
const context = (dist: string, checkout = root): ReleaseContext => ({
  root: checkout,
  dist,
  version,
  commit: "0".repeat(40),
  sourceDate: 1_700_000_000,
  binaries: [],
});
const { signal } = new AbortController();

Deno.test("charts makes the same bytes twice, of the time that it is given", async () => {
  await inFolder(async (one) => {
    await inFolder(async (other) => {
      const names = await charts.make(context(one), signal);
      deepEqual(names, [`trousseau-chart-${version}.tgz`, `trousseau-manifests-${version}.tar.gz`]);
      deepEqual(await charts.make(context(other), signal), names);
      for (const name of names) {
        const bytes = await Deno.readFile(join(one, name));
        deepEqual(await Deno.readFile(join(other, name)), bytes);
        const entries = await unpackTar(gunzipSync(bytes));
        for (const { header } of entries) {
          deepEqual([header.mtime?.getTime(), header.uid, header.gid], [1_700_000_000_000, 0, 0], header.name);
          match(header.name, /^(trousseau|deploy)\//);
          ok(!header.name.endsWith(".ts"), header.name);
        }
      }
    });
  });
});

Deno.test("charts puts the whole chart below its name, and each form into the manifests", async () => {
  await inFolder(async (dist) => {
    const [chart = "", manifests = ""] = await charts.make(context(dist), signal);
    const names = async (name: string) =>
      (await unpackTar(gunzipSync(await Deno.readFile(join(dist, name))))).map(({ header }) => header.name);
    for (const file of ["Chart.yaml", "values.yaml", "values.schema.json", "templates/injection.yaml"]) {
      ok((await names(chart)).includes(`trousseau/${file}`), file);
    }
    const held = await names(manifests);
    for (const file of ["kubernetes/static-pod.yaml", "kustomize/base/daemonset.yaml", "rke2/config.yaml"]) {
      ok(held.includes(`deploy/${file}`), file);
    }
  });
});

/** Copies `deploy/` to `to`, where git does not see it. */
async function copyDeploy(to: string): Promise<void> {
  await cp(join(root, "deploy"), join(to, "deploy"), { recursive: true });
}

async function git(folder: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("git", { args: ["-C", folder, ...args] }).output();
  ok(success, new TextDecoder().decode(stderr));
}

Deno.test("charts archives what git lists, and neither an ignored file nor another stray one", async () => {
  await inFolder(async (folder) => {
    const [checkout, dist] = [join(folder, "checkout"), join(folder, "dist")];
    await Deno.mkdir(dist);
    await copyDeploy(checkout);
    await git(checkout, "init", "--quiet");
    await git(checkout, "add", ".");
    const expected = await charts.make(context(dist, checkout), signal);
    const before = await Promise.all(expected.map((name) => Deno.readFile(join(dist, name))));
    await Deno.writeTextFile(join(checkout, ".gitignore"), "*.tfstate\n");
    const strays = ["opentofu/vault/terraform.tfstate", "helm/trousseau/values.local.yaml", "kops/.cluster.yaml.swp"];
    for (const stray of strays) await Deno.writeTextFile(join(checkout, "deploy", stray), "secret");
    await charts.make(context(dist, checkout), signal);
    for (const [index, name] of expected.entries()) deepEqual(await Deno.readFile(join(dist, name)), before[index]);
  });
});

Deno.test("charts of an unpacked archive refuses files with the names of local ones", async () => {
  await inFolder(async (folder) => {
    const [checkout, dist] = [join(folder, "checkout"), join(folder, "dist")];
    await Deno.mkdir(dist);
    await copyDeploy(checkout);
    await charts.make(context(dist, checkout), signal);
    for (const name of ["terraform.tfstate", "terraform.tfstate.backup", ".terraform/values", "main.tf~", "a.tfvars"]) {
      const stray = join(checkout, "deploy/opentofu/vault", name);
      await Deno.mkdir(dirname(stray), { recursive: true });
      await Deno.writeTextFile(stray, "secret");
      await rejects(charts.make(context(dist, checkout), signal), {
        message: `Cannot make the archives: deploy/opentofu/vault/${name} may be a local file. ` +
          "Remove it, or make the release in a clone.",
      });
      await Deno.remove(stray);
    }
  });
});

Deno.test("charts refuses a chart of another version", async () => {
  await inFolder(async (dist) => {
    await rejects(charts.make({ ...context(dist), version: "9.9.9" }, signal), {
      message: `Cannot make the chart of 9.9.9: in deploy/helm/trousseau/Chart.yaml version is ${version}.`,
    });
    deepEqual(await Array.fromAsync(Deno.readDir(dist)), []);
  });
});

Deno.test("charts stops when it is told to", async () => {
  await inFolder(async (dist) => {
    await rejects(charts.make(context(dist), AbortSignal.abort()), { name: "AbortError" });
  });
});

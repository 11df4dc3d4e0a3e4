import { deepEqual, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import type { ReleaseContext } from "../release/part.ts";
import { charts } from "./charts.ts";

const root = new URL("../..", import.meta.url).pathname;
const { version }: { version: string } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
const context = (dist: string): ReleaseContext => ({
  root,
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

/**
 * The archives of a release, as their users open them.
 *
 * @module
 */
import { equal, match } from "node:assert/strict";
import { join } from "node:path";
import { charts } from "../../deploy/helm/charts.ts";
import { run } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { toolOutput } from "./validation.ts";

const root = new URL("../..", import.meta.url).pathname;
const { version }: { version: string } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));

Deno.test("helm takes the chart's archive, and kustomize what tar unpacks", async () => {
  await inFolder(async (dist) => {
    const context = { root, dist, version, commit: "0".repeat(40), sourceDate: 1_700_000_000, binaries: [] };
    const [chart = "", manifests = ""] = await charts.make(context, new AbortController().signal);
    match(await toolOutput("helm", ["show", "chart", join(dist, chart)]), new RegExp(`^appVersion: ${version}$`, "m"));
    const args = ["template", "one", join(dist, chart), "--set", "mode=nodes,nodes.apiServer=other-nodes"];
    match(await toolOutput("helm", args), /^kind: DaemonSet$/m);
    const { code, stderr } = await run("tar", ["-xzf", join(dist, manifests), "-C", dist]);
    equal(code, 0, stderr);
    const overlay = join(dist, "deploy/kustomize/overlays/other-nodes");
    match(await toolOutput("kustomize", ["build", overlay]), /^kind: DaemonSet$/m);
  });
});

/**
 * The real programs with which the forms of deployment are tried, built from their Go modules once and kept in a cache.
 *
 * @module
 */
import { join } from "node:path";
import { run } from "../support/processes.ts";
import { type GoRecipe, programOf } from "../support/program_recipes.ts";

const kubernetes = "k8s.io/component-base/version";

const recipes = {
  "kubeconform": { module: "kubeconform", package: "github.com/yannh/kubeconform/cmd/kubeconform", ldflags: "-s -w" },
  "helm": { module: "helm", package: "helm.sh/helm/v4/cmd/helm", ldflags: "-s -w" },
  "kustomize": { module: "kustomize", package: "sigs.k8s.io/kustomize/kustomize/v5", ldflags: "-s -w" },
  "hcl-check": { module: "hcl-check", ldflags: "-s -w" },
  "kubeadm": {
    module: "kubeadm",
    package: "k8s.io/kubernetes/cmd/kubeadm",
    // Without a version kubeadm asks the network for one.
    ldflags: `-s -w -X ${kubernetes}.gitVersion=v1.36.3 -X ${kubernetes}.gitMajor=1 -X ${kubernetes}.gitMinor=36`,
  },
} as const satisfies Record<string, GoRecipe>;

/** A tool with a recipe. */
export type ToolName = keyof typeof recipes;

/** Where a tool's program is; builds it if need be, which takes some minutes the first time. */
export async function toolProgram(name: ToolName): Promise<string> {
  const progress = (line: string) => Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  return await programOf(name, recipes[name], join(import.meta.dirname ?? ".", "tools"), progress);
}

/** All of them. */
export const toolNames = Object.keys(recipes) as readonly ToolName[];

/**
 * The folder of a Go module with its sources, such as the CRDs of a project; fetched through the module proxy.
 *
 * @param module with its version; `tools/modules/go.sum` has its hash, without which it is refused.
 */
export async function moduleFolder(module: `${string}@v${string}`): Promise<string> {
  const cwd = join(import.meta.dirname ?? ".", "tools/modules");
  const sums = await Deno.readTextFile(join(cwd, "go.sum"));
  if (!sums.includes(`${module.replace("@", " ")} h1:`)) throw new Error(`go.sum has no hash of ${module}.`);
  const { code, stdout, stderr } = await run("go", ["mod", "download", "-json", module], { cwd });
  if (code !== 0) throw new Error(`Cannot fetch ${module}: ${stdout}${stderr}`);
  const { Dir, Sum }: { Dir: string; Sum: string } = JSON.parse(stdout);
  if (!sums.includes(`${module.replace("@", " ")} ${Sum}\n`)) throw new Error(`${module} has another hash: ${Sum}.`);
  return Dir;
}

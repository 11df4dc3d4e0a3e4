/**
 * The real programs that the end-to-end tests run against: taken from PATH if they are there, else built from their Go
 * modules or installed from their Python packages once, and kept in a cache.
 *
 * `deno task servers` makes the missing ones and prints the path of each.
 *
 * @module
 */
import { join } from "node:path";
import { programOf, type Recipe } from "../support/program_recipes.ts";

const kubernetes = "k8s.io/component-base/version";

/** Without a version a program of Kubernetes would say that it is 0.0.0 and switch its features accordingly. */
const kubernetesFlags =
  `-s -w -X ${kubernetes}.gitVersion=v1.36.3 -X ${kubernetes}.gitMajor=1 -X ${kubernetes}.gitMinor=36`;

const recipes = {
  "kube-apiserver": { module: "kube-apiserver", ldflags: kubernetesFlags },
  "kube-controller-manager": { module: "kube-controller-manager", ldflags: kubernetesFlags },
  "vault-test-server": { module: "vault", ldflags: "-s -w" },
  "foreign-plugin": { module: "foreign-plugin", ldflags: "-s -w" },
  "sops": { module: "sops", package: "github.com/getsops/sops/v3/cmd/sops", ldflags: "-s -w" },
  "h2spec": { module: "h2spec", package: "github.com/summerwind/h2spec/cmd/h2spec", ldflags: "-s -w" },
  "kms-client": { module: "kms-client", ldflags: "-s -w" },
  "otlp-collector": { module: "otlp-collector", ldflags: "-s -w" },
  "kms-service-plugin": { module: "kms-service-plugin", ldflags: "-s -w" },
  "vault-client": { module: "vault-client", ldflags: "-s -w" },
  "vault-commands": { module: "vault-commands", tags: "minimal", ldflags: "-s -w" },
  "etcd-3.5": { module: "etcd-3.5", package: "go.etcd.io/etcd/server/v3", ldflags: "-s -w" },
  "etcd-3.6": { module: "etcd-3.6", package: "go.etcd.io/etcd/server/v3", ldflags: "-s -w" },
  "etcdutl": { module: "etcd-3.6", package: "go.etcd.io/etcd/etcdutl/v3", ldflags: "-s -w" },
  "bolt-rows": { module: "etcd-3.6", ldflags: "-s -w" },
  "external-secrets": { module: "external-secrets", ldflags: "-s -w" },
  "kms-plugin-python": {
    packages: "kms-plugin-python",
    at: "../../../deploy/samples/kms-plugin-python",
    program: "python3",
  },
  "nfpm": { packages: "nfpm", at: "../../../deploy/packages", program: "nfpm" },
  "moto_server": { packages: "moto", program: "moto_server" },
  "bao": { packages: "openbao", program: "bao" },
} as const satisfies Record<string, Recipe>;

/** A server with a recipe. */
export type ServerName = keyof typeof recipes;

/** All of them. */
export const serverNames = Object.keys(recipes) as readonly ServerName[];

/**
 * Where a server's program is; makes it if need be, which takes up to ten minutes the first time.
 *
 * @param progress is told before it begins.
 */
export async function serverProgram(name: ServerName, progress: (line: string) => void = () => {}): Promise<string> {
  return await programOf(name, recipes[name], join(import.meta.dirname ?? ".", "servers"), progress);
}

if (import.meta.main) {
  const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  for (const name of serverNames) print(await serverProgram(name, print));
}

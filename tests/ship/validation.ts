/**
 * Ways to try a manifest: against the API server's own schemas, and by an API server that stores nothing.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { Cluster } from "../e2e/harness/cluster.ts";
import { run } from "../support/processes.ts";
import { schemaLocation, writeSchemas } from "./schemas.ts";
import { type ToolName, toolProgram } from "./tools.ts";

/** The end of a program. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool. @param env variables besides those of the test. */
export async function tool(
  name: ToolName,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return await run(await toolProgram(name), args, { env });
}

/** The output of a tool that must end with 0. */
export async function toolOutput(
  name: ToolName,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await tool(name, args, env);
  equal(code, 0, `${name} ${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}

/** An API server with its schemas. Disposing of it ends it and removes its files. */
export class ManifestJudge implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly #schemas: string;

  private constructor(cluster: Cluster, schemas: string) {
    this.cluster = cluster;
    this.#schemas = schemas;
  }

  /** Starts it. */
  static async start(): Promise<ManifestJudge> {
    const cluster = await Cluster.start();
    const judge = new ManifestJudge(cluster, await Deno.makeTempDir());
    const kinds = await writeSchemas(cluster.server, judge.#schemas);
    equal(kinds > 100, true, `${kinds} schemas`);
    return judge;
  }

  /** kubeconform on the text of manifests. */
  async conforms(manifests: string): Promise<Outcome> {
    const args = ["-strict", "-summary", "-schema-location", schemaLocation(this.#schemas), "-"];
    return await run(await toolProgram("kubeconform"), args, { stdin: manifests });
  }

  /** The answer of the API server to new objects that it does not store. An unknown field is refused. */
  async dryRun(manifests: string): Promise<Outcome> {
    const args = ["create", "--dry-run=server", "--validate=strict", "--output=json", "--filename=-"];
    return await this.cluster.kubectl(args, manifests);
  }

  /** Both, on manifests that must pass. */
  async accepts(manifests: string): Promise<void> {
    for (const { code, stdout, stderr } of [await this.conforms(manifests), await this.dryRun(manifests)]) {
      equal(code, 0, `${stdout.slice(-2000)}${stderr}\n${manifests}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    await Deno.remove(this.#schemas, { recursive: true });
  }
}

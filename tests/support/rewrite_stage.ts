/**
 * `trousseau rewrite` against a double of kube-apiserver.
 *
 * @module
 */
import { run } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { ApiServerDouble } from "./api_server_double.ts";
import { fastPauses } from "./fast_clock.ts";
import { fakeTerminal } from "./fake_terminal.ts";
import { inFolder } from "./temporary_folder.ts";

/** A cluster with objects under an old key, and the command. */
export interface RewriteStage {
  readonly double: ApiServerDouble;
  readonly folder: string;
  /** Runs `trousseau rewrite` with the kubeconfig, and these words. */
  readonly ran: (...words: readonly string[]) => Promise<{ status: number; out: string; err: string }>;
}

/** The command against a double with five Secrets and one ConfigMap. */
export async function onRewriteStage(work: (stage: RewriteStage) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await using double = await ApiServerDouble.open();
    double.put("secrets", "a", "one", "two", "three");
    double.put("secrets", "b", "one", "two");
    double.put("configmaps", "b", "settings");
    const cluster = { server: double.origin, "certificate-authority-data": btoa(double.authority.certificate) };
    const kubeconfig = {
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
      clusters: [{ name: "c", cluster }],
      users: [{ name: "c", user: { token: "t" } }],
    };
    await Deno.writeTextFile(`${folder}/config`, JSON.stringify(kubeconfig), { mode: 0o600 });
    const ran = async (...words: readonly string[]) => {
      // Between two looks at the API servers are four seconds.
      const terminal = fakeTerminal({ clock: fastPauses(100) });
      const state = words.includes("migration") ? [] : ["--state", `${folder}/state`];
      const given = ["rewrite", "--kubeconfig", `${folder}/config`, ...state, ...words];
      const status = await run(given, trousseau, terminal);
      return { status, out: terminal.out(), err: terminal.err() };
    };
    await work({ double, folder, ran });
  });
}

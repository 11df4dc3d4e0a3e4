/**
 * `trousseau serve`: supplies the configuration and the terminal to the plugin, and prints hints for a trial.
 *
 * @module
 */
import type { KmsService } from "../../app/kms_service.ts";
import { runService, withCleanStop } from "../../app/run_service.ts";
import { services } from "../../app/services.ts";
import { deadline } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { isVolatile } from "../../config/defaults.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { line } from "../terminal.ts";
import type { Terminal, TrousseauCall } from "./terminal.ts";
import { configuredToServe, subjectOf } from "./configured.ts";
import { encryptionConfiguration, encryptionDefaults } from "./encryption_configuration.ts";
import { refuseStartCycle } from "./in_cluster.ts";
import { runsFromSource, tasksForTheClone } from "./from_source.ts";
import { probeKms } from "./kms_probe.ts";
import { serviceOptions } from "./service_options.ts";

/** Deadline of a trial's round trip in milliseconds. */
const selfTestMs = 10_000;

/** Serves until the terminal's signal is aborted or a successor takes over. */
export async function serve(call: TrousseauCall): Promise<ExitStatus> {
  const { terminal } = call;
  await withCleanStop(terminal.signal, async () => {
    refuseStartCycle(call.options["in-cluster"]);
    const config = await configuredToServe(call, "serve");
    // Read before runService() revokes access to the environment.
    const volatile = isVolatile(config, terminal.environment);
    await runService(services.serve, {
      ...serviceOptions(call, config, subjectOf(config)),
      onServing: async (service, origin) => {
        if (config.file === undefined) await printFirstSteps(config, { volatile, origin }, service, terminal);
      },
    });
  });
  return exitCodes.ok.status;
}

/** For a start without a configuration: tests a round trip, and prints the next steps. */
async function printFirstSteps(
  config: Config,
  { volatile, origin }: { readonly volatile: boolean; readonly origin: string | undefined },
  service: KmsService,
  { stdout, signal }: Terminal,
): Promise<void> {
  const { path } = config.socket;
  await service.waitUntilReady("prove that it works", selfTestMs, signal);
  const failure = await selfTest(path, signal);
  if (signal.aborted) return;
  if (failure !== undefined) throw new KmsError("internal", `The round trip through ${path} failed: ${failure}`);
  line(stdout, `# A round trip through unix://${path} worked, over KMS v2 and v1beta1.`);
  line(
    stdout,
    "# The key lies in a file on this machine. That is no remote KMS: it protects a stolen backup of etcd, and",
  );
  line(stdout, "# nothing from whoever can read this machine's disk. Configure a KMS before you rely on it.");
  if (origin !== undefined) line(stdout, `# Health and metrics: ${origin}/readyz and ${origin}/metrics.`);
  if (runsFromSource) { for (const text of tasksForTheClone(Deno.version.deno)) line(stdout, `# ${text}`); }
  if (volatile) {
    line(stdout, `# Key and state lie in ${config.state}, which the system empties when this user`);
    line(stdout, "# logs out or the machine restarts: what was encrypted until then can never be read again.");
  }
  line(stdout, "#");
  stdout.write(encryptionConfiguration({ ...encryptionDefaults, socketPath: path }));
}

/** One round trip with each API, as kube-apiserver makes them. @returns the reason if it fails. */
async function selfTest(path: string, parent: AbortSignal): Promise<string | undefined> {
  using bound = deadline(selfTestMs, parent);
  // A start with a configuration does not load the client's library.
  const { dialKms } = await import("../../api/kms/client.ts");
  await using client = dialKms(path);
  const { steps } = await probeKms(client, bound.signal);
  return steps.find(({ result }) => result !== "ok" && result !== "off")?.detail;
}

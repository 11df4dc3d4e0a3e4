/**
 * `trousseau sops`: supplies the configuration and the terminal to the key service of SOPS, and prints `.sops.yaml` for
 * a person.
 *
 * @module
 */
import { runService, withCleanStop } from "../../app/run_service.ts";
import { services } from "../../app/services.ts";
import { isVolatile } from "../../config/defaults.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { configuredToServe, subjectOfSops } from "./configured.ts";
import { serviceOptions } from "./service_options.ts";
import { sopsRules } from "./sops_rules.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Serves until the terminal's signal is aborted or a successor takes over. */
export async function sops(call: TrousseauCall): Promise<ExitStatus> {
  const { signal, stdout, environment } = call.terminal;
  await withCleanStop(signal, async () => {
    const config = await configuredToServe(call, "sops");
    const onThisMachine = config.file === undefined;
    // Read before runService() revokes access to the environment.
    const volatile = isVolatile(config, environment) ? config.state : undefined;
    const keys = config.sops.keys.map(({ name }) => name);
    await runService(services.sops, {
      ...serviceOptions(call, config, subjectOfSops(config)),
      onServing: () => {
        // Under a service manager stdout contains audit lines only.
        if (stdout.isTerminal || onThisMachine) {
          stdout.write(sopsRules({ socketPath: config.sops.socket.path, keys, onThisMachine, volatile }));
        }
        return Promise.resolve();
      },
    });
  });
  return exitCodes.ok.status;
}

/**
 * `trousseau keyring serve`: supplies the configuration and the terminal to the keyring server, and prints the first
 * commands for a person.
 *
 * @module
 */
import { runService, withCleanStop } from "../../app/run_service.ts";
import { services } from "../../app/services.ts";
import type { Config } from "../../config/config.ts";
import { socketEndpoint } from "../../config/socket_path.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { line } from "../terminal.ts";
import { configuredToServe, subjectOfKeyring } from "./configured.ts";
import { runsFromSource } from "./from_source.ts";
import { serviceOptions } from "./service_options.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Serves until the terminal's signal is aborted. */
export async function keyringServe(call: TrousseauCall): Promise<ExitStatus> {
  const { signal, stdout } = call.terminal;
  await withCleanStop(signal, async () => {
    const config = await configuredToServe(call, "keyring serve");
    await runService(services["keyring serve"], {
      ...serviceOptions(call, config, subjectOfKeyring(config)),
      onServing: () => {
        if (stdout.isTerminal || config.file === undefined) {
          for (const text of firstSteps(config)) line(stdout, text);
        }
        return Promise.resolve();
      },
    });
  });
  return exitCodes.ok.status;
}

/** The first commands, as lines of a shell script. */
function firstSteps({ file, keyring, providers }: Config): readonly string[] {
  const endpoint = socketEndpoint(keyring.adminSocket.path);
  const client = runsFromSource ? "dist/stage/clectl" : "clectl";
  const onThisMachine = providers.every(({ settings }) => settings.kind === "local");
  return [
    "# Log in as the administrator, in another shell of this user:",
    ...(runsFromSource ? ["deno task stage"] : []),
    `export CLECTL_ADDRESS=${endpoint}`,
    `${client} health`,
    `${client} generate db/prod/app --field password --length 32`,
    `${client} list`,
    ...(onThisMachine
      ? [
        "#",
        "# Every key of this keyring lies in a file on this machine. Before the first secret that matters, make a recovery",
        "# key for the safe (trousseau recovery new) or configure a KMS: a disk that dies takes the key along.",
      ]
      : []),
    ...(file === undefined ? ["#", `# Without a configuration the store is ${keyring.state}/store.`] : []),
  ];
}

/**
 * `trousseau keys rotate`
 *
 * @module
 */
import type { Config, ProviderConfig } from "../../config/config.ts";
import { adviseOn } from "../../provider/registry.ts";
import { UsageError } from "../command.ts";
import { configured, subjectJson, subjectOf } from "./configured.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { json, line, printable } from "../terminal.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Rotates a local key, or prints the command that rotates a remote one. */
export async function keysRotate(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal: { stdout } } = call;
  const config = await configured(call);
  const { name, settings } = chosen(config, options.provider);
  const { rotation } = await adviseOn(settings);
  if (rotation.by === "command") {
    if (options.json) {
      json(stdout, { ...subjectJson(config), provider: name, rotated: false, command: rotation.command });
    } else {
      line(stdout, `# ${subjectOf(config)}`);
      const { intro = "is rotated by somebody whom its KMS lets do so:" } = rotation;
      line(stdout, `# "${name}" ${intro}`);
      line(stdout, rotation.command);
    }
    return exitCodes.ok.status;
  }
  const { version } = await rotation.rotate(config.state);
  if (options.json) json(stdout, { ...subjectJson(config), provider: name, rotated: true, version });
  else {
    line(stdout, subjectOf(config));
    line(stdout, `"${name}" wraps with key ${version} from now on; a running plugin announces it within minutes.`);
    line(stdout, "The same file belongs on every node. Keep a copy of it: it opens what it wrapped, now and before.");
  }
  return exitCodes.ok.status;
}

/** The provider of that name, or the only one if no name is given. */
function chosen({ providers }: Config, wanted: string | undefined): ProviderConfig {
  const names = providers.map(({ name }) => name);
  const [only] = providers;
  if (wanted === undefined) {
    if (only !== undefined && providers.length === 1) return only;
    throw new UsageError(
      `There are several providers, so --provider has to say which: ${names.join(", ")}.`,
      "keys rotate",
    );
  }
  const found = providers.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const shown = printable(wanted);
  throw new UsageError(
    `There is no provider "${shown}" in the configuration.${didYouMean(shown, names)}`,
    "keys rotate",
  );
}

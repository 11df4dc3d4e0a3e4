/**
 * `trousseau encryption-config`
 *
 * @module
 */
import { type Call, UsageError } from "./command.ts";
import { configuredSocket } from "./configured.ts";
import { encryptionConfiguration, encryptionDefaults } from "./encryption_configuration.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { printable } from "./output.ts";

/** Prints the file. */
export async function encryptionConfig(call: Call): Promise<ExitStatus> {
  const { options, terminal } = call;
  terminal.stdout.write(encryptionConfiguration({
    resources: options.resources === undefined ? encryptionDefaults.resources : resourceList(options.resources),
    name: providerName(options.name ?? encryptionDefaults.name),
    kmsVersion: options["kms-version"] ?? encryptionDefaults.kmsVersion,
    identity: options.identity ?? encryptionDefaults.identity,
    steps: true,
    socketPath: await configuredSocket(call),
  }));
  return exitCodes.ok.status;
}

// As kube-apiserver has it: lowercase, no subresource, `*.` for the core group, and each at most once.
const resourcePattern = /^(?:[a-z0-9-]+(?:\.[a-z0-9.-]+)?|\*\.(?:\*|[a-z0-9.-]+)?)$/;

function resourceList(text: string): readonly string[] {
  const resources = text.split(",").map((resource) => resource.trim());
  for (const [index, resource] of resources.entries()) {
    const shown = `"${printable(resource)}"`;
    if (!resourcePattern.test(resource)) {
      throw new UsageError(
        `--resources has ${shown}, which is no resource; write them as in secrets,deployments.apps,*.example.com.`,
        "encryption-config",
      );
    }
    if (resources.indexOf(resource) !== index) {
      throw new UsageError(`--resources has ${shown} twice.`, "encryption-config");
    }
  }
  return resources;
}

function providerName(name: string): string {
  // A colon ends the name in etcd's prefix, and kube-apiserver refuses it.
  if (name.includes(":") || printable(name) !== name) {
    throw new UsageError("--name can hold neither a colon nor a control character.", "encryption-config");
  }
  return name;
}

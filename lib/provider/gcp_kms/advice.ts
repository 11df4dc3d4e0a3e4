/**
 * Advice about the settings of a key in Google Cloud KMS.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import type { GcpKmsSettings } from "./settings.ts";

/** See {@linkcode ProviderAdvice}. */
export function gcpKmsAdvice(settings: GcpKmsSettings): ProviderAdvice {
  return {
    warnings: warnings(settings),
    rotation: { by: "command", command: rotateCommand(settings) },
    pendingCreation: () => Promise.resolve(undefined),
  };
}

function warnings({ auth }: GcpKmsSettings): readonly string[] {
  switch (auth.method) {
    case "service-account-key":
      return [
        "Its service account's key does not expire: whoever copies the file may use the KEK until somebody deletes that " +
        "key. Use workload identity federation or the machine's service account where there is one.",
      ];
    case "workload-identity":
      return [
        "Its login needs a token of another issuer. If that is the API server that this plugin serves, there is no new " +
        "token while it is down: use one that something else issues and renews.",
      ];
    case "application-default":
      return [
        "What it logs in with is decided by the environment. Name the file or the metadata server in the configuration, " +
        "so that all nodes do the same.",
      ];
    case "metadata-server":
      return [];
  }
}

/**
 * The command of the Google Cloud CLI that adds a version and makes it the primary one; the old versions continue to
 * decrypt.
 */
function rotateCommand({ key }: GcpKmsSettings): string {
  const [, project, , location, , keyRing, , name] = key.split("/");
  return `gcloud kms keys versions create --project ${project} --location ${location} --keyring ${keyRing} --key ${name} --primary`;
}

import { deepEqual, match } from "node:assert/strict";
import { gcpKey } from "../../../tests/support/gcp_double.ts";
import { gcpKmsAdvice } from "./advice.ts";
import type { GcpAuth } from "./settings.ts";

const metadata = "http://169.254.169.254";

function advice(auth: GcpAuth) {
  return gcpKmsAdvice({
    kind: "gcp-kms",
    name: "gcp",
    key: gcpKey,
    universeDomain: "googleapis.com",
    endpoints: { kms: "https://cloudkms.googleapis.com" },
    context: "",
    auth,
    tls: {},
  });
}

Deno.test("gcpKmsAdvice() names the command for rotation, and has no warning for the machine's service account", async () => {
  const { warnings, rotation, pendingCreation } = advice({
    method: "metadata-server",
    metadata,
    serviceAccount: "default",
  });
  const command = "gcloud kms keys versions create --project my-project --location europe-west3 --keyring kubernetes " +
    "--key prod --primary";
  deepEqual([warnings, rotation, await pendingCreation()], [[], { by: "command", command }, undefined]);
});

Deno.test("gcpKmsAdvice() warns of a key that never expires, of another issuer's token, and of settings from the environment", () => {
  match(advice({ method: "service-account-key", keyFile: "/k.json" }).warnings.join(), /does not expire/);
  match(advice({ method: "workload-identity", credentialsFile: "/w.json" }).warnings.join(), /API server/);
  match(advice({ method: "application-default", metadata }).warnings.join(), /decided by the environment/);
});

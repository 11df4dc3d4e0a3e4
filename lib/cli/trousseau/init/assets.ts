/**
 * Files of `deploy/` that the program contains, so that `init` needs nothing beside the binary.
 *
 * @module
 */
import staticPod from "../../../../deploy/kubernetes/static-pod.yaml" with { type: "text" };
import podFolders from "../../../../deploy/kubernetes/trousseau.tmpfiles.conf" with { type: "text" };
import apiserverScript from "../../../../deploy/kubernetes/apiserver.sh" with { type: "text" };
import awsPolicy from "../../../../deploy/policies/aws-kms.json" with { type: "text" };
import azurePolicy from "../../../../deploy/policies/azure-key-vault.json" with { type: "text" };
import gcpPolicy from "../../../../deploy/policies/gcp-kms.yaml" with { type: "text" };
import vaultPolicy from "../../../../deploy/policies/vault.hcl" with { type: "text" };
import restartSteps from "../../../../deploy/systemd/restart-steps.conf" with { type: "text" };
import unit from "../../../../deploy/systemd/trousseau.service" with { type: "text" };
import unitUser from "../../../../deploy/systemd/trousseau.sysusers.conf" with { type: "text" };

/** Texts by their use. */
export const initAssets = {
  staticPod,
  podFolders,
  apiserverScript,
  awsPolicy,
  azurePolicy,
  gcpPolicy,
  vaultPolicy,
  restartSteps,
  unit,
  unitUser,
} as const;

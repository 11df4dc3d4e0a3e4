/**
 * A real kube-controller-manager with the storage version migrator alone.
 *
 * @module
 */
import { Process } from "../../support/processes.ts";
import { serverProgram } from "../servers.ts";
import type { Cluster } from "./cluster.ts";

/** Flags of an API server that serves StorageVersionMigration, which 1.36 does not by default. */
export const migrationFlags = [
  "--feature-gates=StorageVersionMigrator=true",
  "--runtime-config=storagemigration.k8s.io/v1beta1=true",
] as const;

/** Starts it as the administrator. The migrator takes the objects from the watches of the garbage collector. */
export async function startMigrator(cluster: Cluster): Promise<Process> {
  return new Process({
    name: "kube-controller-manager",
    command: await serverProgram("kube-controller-manager"),
    args: [
      `--kubeconfig=${cluster.server.kubeconfig}`,
      "--feature-gates=StorageVersionMigrator=true",
      "--controllers=garbage-collector-controller,storage-version-migrator-controller",
      "--leader-elect=false",
      "--secure-port=0",
      // The token of the administrator is in a file that the API server reads, and no account has one.
      "--use-service-account-credentials=false",
    ],
  });
}

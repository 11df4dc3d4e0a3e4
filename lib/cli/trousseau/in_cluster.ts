/**
 * `trousseau serve --in-cluster`: a pod that an API server starts, such as that of a DaemonSet.
 *
 * After a power failure kubelet starts static pods by itself, and every other pod only when an API server has named it. An
 * API server whose data this very pod opens is not ready before. A pod without rights sees neither the manifests of its
 * node (kubeadm's folder is root's alone) nor the number of API servers, so that the operator has to say it.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";

/** The place of the API server that reads the socket. */
export const apiServerPlaces = ["other-cluster", "other-nodes", "this-node"] as const;

/** One of them. */
export type ApiServerPlace = (typeof apiServerPlaces)[number];

/**
 * Refuses a start on which the API server of the same node depends alone.
 *
 * @param place `undefined` if the option is not given.
 * @throws {KmsError} `config`
 */
export function refuseStartCycle(place: ApiServerPlace | undefined): void {
  if (place !== "this-node") return;
  throw new KmsError(
    "config",
    "Cannot serve in this pod: after a power failure the API server of this node would wait for it, and it for that " +
      "API server. Run Trousseau as a service of systemd or as a static pod on this node.",
  );
}

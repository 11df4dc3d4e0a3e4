/**
 * Validates `--resources`: names that kube-apiserver refuses are errors; names that it accepts but never encrypts cause
 * a warning.
 *
 * @module
 */
import { builtInResources, likelyName, resourceDoubt } from "../../config/encryption/resources.ts";
import { listMistakes } from "../../config/encryption/rules.ts";
import { UsageError } from "../command.ts";
import type { Discovered } from "./encryption_discovery.ts";
import { printable } from "../terminal.ts";

// Lowercase, no subresource, `*.` for the core group.
const resourcePattern = /^(?:[a-z0-9-]+(?:\.[a-z0-9.-]+)?|\*\.(?:\*|[a-z0-9.-]+)?)$/;

/**
 * The list in `--resources`.
 *
 * @throws {UsageError} for a malformed name, and for a list that kube-apiserver refuses.
 */
export function resourceList(text: string): readonly string[] {
  const resources = text.split(",").map((resource) => resource.trim());
  const table = builtInResources();
  for (const { index, of, text } of listMistakes(resources)) {
    const name = resources[index] ?? "";
    const likely = of === "name" ? likelyName(name, table) : undefined;
    const hint = likely === undefined || text.includes(`"${likely}"`) ? "" : ` Did you mean "${likely}"?`;
    throw usage(`--resources has "${printable(name)}", which ${text}.${hint}`);
  }
  const wrong = resources.find((resource) => !resourcePattern.test(resource));
  if (wrong === undefined) return resources;
  throw usage(
    `--resources has "${printable(wrong)}", which is no resource; write them as in ` +
      "secrets,deployments.apps,*.example.com.",
  );
}

/**
 * Sentences about names that would encrypt nothing, and about resources that a wildcard does not include.
 *
 * @param cluster the resources of a cluster; the built-in resources of Kubernetes are used if `undefined`.
 */
export function resourceWarnings(resources: readonly string[], cluster: Discovered | undefined): string[] {
  const table = cluster?.table ?? builtInResources();
  const complete = cluster !== undefined && cluster.silent.size === 0;
  const known = cluster === undefined ? "Kubernetes 1.36 has" : "the cluster has";
  return resources.flatMap((name) => {
    const doubt = resourceDoubt(name, table, complete);
    const shown = `"${printable(name)}"`;
    if (doubt === undefined) return name === "*.*" || name === "*." ? [wildcardNote(name)] : [];
    if (doubt.kind === "unknown") {
      const how = cluster === undefined
        ? "--kubeconfig FILE asks a cluster"
        : "the server of its group does not answer";
      return [`${shown} is no resource of Kubernetes itself and was not looked for; ${how}.`];
    }
    const hint = doubt.likely === undefined ? "" : ` Did you mean "${doubt.likely}"?`;
    return [`${shown} encrypts nothing: ${known} no such resource to store.${hint}`];
  });
}

function wildcardNote(name: string): string {
  return `${name} leaves masterleases, peerserverleases and the ranges of service addresses and ports in plain text.`;
}

function usage(message: string): UsageError {
  return new UsageError(message, "encryption-config");
}

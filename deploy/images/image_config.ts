/**
 * The settings of an image, which the `Dockerfile` has too.
 *
 * @module
 */
import type { Architecture } from "../compile/targets.ts";
import type { ReleaseIdentity } from "../release/part.ts";
import { imageUser } from "./debian_layers.ts";
import type { ImageLayer } from "./layer.ts";

/** Where the program is in an image. */
export const imageProgram = "usr/local/bin/trousseau";

const documentation = "usr/share/doc/trousseau";

/** Where the licence and the bill of materials are. */
export const imageDocuments = {
  licence: `${documentation}/LICENSE`,
  billOfMaterials: `${documentation}/sbom.cdx.json`,
} as const;

/** User, entry point, words, folder and environment of a container, by the names of the format. */
export const imageSettings = {
  User: `${imageUser}:${imageUser}`,
  Entrypoint: [`/${imageProgram}`],
  Cmd: ["serve", "--config", "/etc/trousseau/trousseau.yaml"],
  WorkingDir: "/home/nonroot",
  Env: [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
  ],
} as const;

/** The labels, which are the annotations of the manifest too. */
export function imageLabels(
  { version, commit }: Omit<ReleaseIdentity, "sourceDate">,
): Readonly<Record<string, string>> {
  const labels = {
    title: "trousseau",
    description: "KMS plugin for Kubernetes, and a keyring",
    licenses: "Apache-2.0 AND MPL-2.0 AND CC-BY-3.0-US",
    version,
    revision: commit,
  };
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [`org.opencontainers.image.${name}`, value]),
  );
}

/** The configuration of an image for a machine (OCI image format 1.1, `config.md`). */
export function imageConfig(
  layers: readonly ImageLayer[],
  architecture: Architecture,
  identity: ReleaseIdentity,
): unknown {
  const created = new Date(identity.sourceDate * 1000).toISOString().replace(".000", "");
  return {
    created,
    architecture,
    os: "linux",
    config: { ...imageSettings, Labels: imageLabels(identity) },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => `sha256:${diffId}`) },
    history: layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
  };
}

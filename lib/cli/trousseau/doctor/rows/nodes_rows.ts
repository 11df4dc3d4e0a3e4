/**
 * The findings about the other nodes.
 *
 * @module
 */
import type { DoctorRow } from "../row.ts";

/** The rows. */
export const nodesRows = {
  "nodes-unasked": {
    group: "nodes",
    severity: "skip",
    sentence: "No other node was asked.",
    cure: "--nodes https://… with the addresses of telemetry, or with files of `trousseau status --json`.",
  },
  "node-silent": {
    group: "nodes",
    severity: "bad",
    sentence: "{node} gives no status: {message}.",
    cure: "trousseau status, on that node; curl {node}/status from here.",
  },
  "node-unwell": {
    group: "nodes",
    severity: "bad",
    sentence: "The plugin of {node} is not well: {message}",
    cure: "trousseau status, on that node",
  },
  "nodes-agree": {
    group: "nodes",
    severity: "ok",
    sentence: "{count} nodes agree on the key ID {keyId}, the configuration and the version.",
    cure: "",
  },
  "node-key": {
    group: "nodes",
    severity: "bad",
    sentence: "{node} announces the key ID {keyId}, and {other} announces {otherKeyId}.",
    cure: "trousseau keys, on both nodes: a difference of some minutes after a rotation is normal.",
  },
  "node-configuration": {
    group: "nodes",
    severity: "warn",
    sentence: "{node} has other settings than {other} (hash {hash} and {otherHash}) that must be the same.",
    cure:
      "Make the configurations equal in all but logins, paths, `socket`, `state` and `telemetry`, then systemctl restart trousseau.",
  },
  "node-version": {
    group: "nodes",
    severity: "warn",
    sentence: "{node} runs Trousseau {version}, and {other} runs {otherVersion}.",
    cure: "Install the same version on all nodes: docs/install.md.",
  },
  "node-versions": {
    group: "nodes",
    severity: "bad",
    sentence: '{node} wraps with version {version} of provider "{name}", and {other} with {otherVersion}.',
    cure: "trousseau check, on both nodes: a difference of some minutes after a rotation is normal.",
  },
  "node-clock": {
    group: "nodes",
    severity: "warn",
    sentence: "The clock of {node} is {seconds} s {direction} that of this node.",
    cure: "timedatectl set-ntp true, on both nodes.",
  },
} as const satisfies Readonly<Record<string, DoctorRow>>;

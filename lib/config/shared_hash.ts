/**
 * The hash of the part of a configuration that must be the same on all nodes of a cluster.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Config, ProviderConfig } from "./config.ts";

/** The members that must agree. The others belong to one node, or to a process that is not the plugin. */
const agrees = {
  file: false,
  hash: false,
  remarks: false,
  socket: false,
  state: false,
  kms: true,
  keyEpoch: true,
  wrap: true,
  unwrap: true,
  cache: true,
  readyDek: true,
  outage: true,
  probe: false,
  drainMs: false,
  telemetry: false,
  providers: true,
  retired: true,
  forgotten: true,
  readForeign: true,
  sops: false,
  keyring: false,
} as const satisfies Readonly<Record<keyof Config, boolean>>;

/** Members of a provider's settings that differ between nodes: the login, and paths. */
const ofOneNode: readonly string[] = ["auth", "tls", "keyFile", "create", "socket", "privateKey"];

/**
 * The first 8 bytes of the SHA-256, as 16 hex digits. Comments, order and style of the file do not count, and a default
 * value is the same whether it is written or not.
 */
export function sharedHash(config: Config): string {
  const { providers, retired } = config;
  const whole = { ...config, providers: providers.map(sharedSettings), retired: retired.map(sharedSettings) };
  const shared = Object.entries(whole).filter(([name]) =>
    Object.entries(agrees).some(([one, is]) => is && one === name)
  );
  return createHash("sha256").update(JSON.stringify(Object.fromEntries(shared), sortedKeys)).digest("hex").slice(0, 16);
}

function sharedSettings({ name, formerly, settings }: ProviderConfig) {
  const shared = Object.entries(settings).filter(([member]) => !ofOneNode.includes(member));
  return { name, formerly, settings: Object.fromEntries(shared) };
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}

/**
 * The options of `trousseau rewrite`.
 *
 * @module
 */
import { deadline } from "../../base/deadline.ts";
import { parseDuration } from "../../base/duration.ts";
import { KmsError } from "../../base/errors.ts";
import type { ClusterAccess } from "../../cluster/apiserver/access.ts";
import { dialKms } from "../../api/kms/client.ts";
import { UsageError } from "../command.ts";
import type { OptionName } from "./options.ts";
import { socketPath } from "./socket_path.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Milliseconds that the plugin at `--socket` has for its status. */
const statusMs = 3_000;

/** Values that apply if an option is not given. */
const rewriteDefaults = { rate: 100, waitMs: 150_000, migrationMs: 3_600_000, folder: "/var/lib/trousseau" } as const;

/**
 * The key ID that the API servers must have: that of `--expect-key-id`, or the one announced at `--socket`.
 *
 * @throws {UsageError} if neither is given.
 * @throws {KmsError} if the plugin does not answer, or announces none.
 */
export async function announcedKeyId({ options, terminal }: TrousseauCall): Promise<string> {
  const { socket, "expect-key-id": given } = options;
  if (given !== undefined) return given;
  if (socket === undefined) {
    throw new UsageError("Name the announced key ID by --expect-key-id, or the plugin by --socket.", "rewrite");
  }
  const path = socketPath(socket);
  await using client = dialKms(path);
  using limit = deadline(statusMs, terminal.signal);
  const { key_id: keyId } = await client.v2.Status({}, { signal: limit.signal });
  if (keyId !== "") return keyId;
  throw new KmsError("provider_protocol", `Cannot rewrite: the plugin at ${path} announces no key ID.`);
}

/** The access to the other API servers of `--apiservers`, with the same credentials. @throws {UsageError} */
export function otherServers({ options }: TrousseauCall, access: ClusterAccess): readonly ClusterAccess[] {
  const { apiservers, "local-only": localOnly } = options;
  if (apiservers === undefined) return [];
  if (localOnly) throw new UsageError("--local-only and --apiservers exclude each other.", "rewrite");
  const servers = apiservers.split(",").map((text) => serverUrl(text.trim()));
  return servers.filter(({ origin }) => origin !== access.server.origin).map((server) => ({ ...access, server }));
}

function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:" && url.origin === text.replace(/\/$/, "")) return url;
  throw new UsageError(
    "--apiservers is a list of addresses, as in https://10.0.0.2:6443,https://10.0.0.3:6443.",
    "rewrite",
  );
}

/** Objects a second. @throws {UsageError} */
export function rewriteRate({ options: { rate } }: TrousseauCall): number {
  if (rate === undefined) return rewriteDefaults.rate;
  if (/^[1-9]\d{0,5}$/.test(rate)) return Number(rate);
  throw new UsageError("--rate is a number of objects a second, 1 or more.", "rewrite");
}

/** Number of API servers that are taken as ready unseen. @throws {UsageError} */
export function assumedReady({ options }: TrousseauCall): number {
  const { "assume-ready": text, "local-only": localOnly } = options;
  if (text === undefined) return 0;
  if (localOnly) throw new UsageError("--local-only and --assume-ready exclude each other.", "rewrite");
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new UsageError("--assume-ready is a number of API servers, 1 or more.", "rewrite");
}

/** Options that one of the two ways alone has. */
const optionsOfWay = {
  patch: ["rate", "state", "local-only"],
  migration: ["migration-timeout", "etcd", "cacert", "cert", "key", "etcd-prefix"],
} as const satisfies Readonly<Record<string, readonly OptionName[]>>;

/** @throws {UsageError} for an option that has no effect by the way of `--by`. */
export function refuseOptionsOfOtherWay({ options }: TrousseauCall): void {
  const other = options.by === "migration" ? "patch" : "migration";
  const given = optionsOfWay[other].find((name) => options[name] !== undefined);
  if (given === undefined) return;
  if (other === "migration") throw new UsageError(`--${given} belongs to --by migration.`, "rewrite");
  throw new UsageError(
    given === "local-only"
      ? "--local-only and --by migration exclude each other: kube-controller-manager writes through any API server."
      : `--${given} and --by migration exclude each other: kube-controller-manager does the work.`,
    "rewrite",
  );
}

/** Milliseconds that all migrations have. @throws {UsageError} */
export function migrationWait({ options: { "migration-timeout": timeout } }: TrousseauCall): number {
  if (timeout === undefined) return rewriteDefaults.migrationMs;
  const ms = parseDuration(timeout);
  if (ms !== undefined) return ms;
  throw new UsageError("--migration-timeout is a duration, as in 10m or 2h.", "rewrite");
}

/** Milliseconds in which the API servers must learn the key ID. @throws {UsageError} */
export function readyWait({ options: { timeout } }: TrousseauCall): number {
  if (timeout === undefined) return rewriteDefaults.waitMs;
  const ms = parseDuration(timeout);
  if (ms !== undefined) return ms;
  throw new UsageError("--timeout is a duration, as in 30s or 5m.", "rewrite");
}

/**
 * The folder of the state file: `--state`; the plugin's state folder if this user can write there; a folder in
 * `$XDG_RUNTIME_DIR` or `/run`, which is empty after a restart of the machine.
 */
export async function rewriteFolder(
  { options: { state }, terminal: { files, environment } }: TrousseauCall,
): Promise<string> {
  if (state !== undefined) return state;
  const { folder } = rewriteDefaults;
  if (await files.kind(folder) === "folder" && await files.canWrite(folder)) return `${folder}/rewrite`;
  return `${environment.get("XDG_RUNTIME_DIR") ?? "/run"}/trousseau/rewrite`;
}

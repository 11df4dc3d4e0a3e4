/**
 * The examination of a transit key: settings that endanger it, versions that no longer open, and rights of the login that
 * Trousseau never uses.
 *
 * @module
 */
import { rfc3339, systemClock } from "../../base/clock.ts";
import { field } from "../../net/https/fields.ts";
import { clockAheadOf } from "../clock_ahead.ts";
import { type KeyExamination, type KeyFinding, keyFinding } from "../key_findings.ts";
import { encodedPath } from "./auth.ts";
import { parseVersion } from "./ciphertext.ts";
import type { VaultAnswer, VaultCall, VaultRequest } from "./http.ts";
import { refusal } from "./errors.ts";
import { creationSeconds } from "./key.ts";
import type { VaultTransitSettings } from "./settings.ts";

/** Sends requests with the login of the provider. */
interface Asks {
  request(request: VaultRequest, call: VaultCall): Promise<VaultAnswer>;
}

/** Rights that Trousseau never uses, by the last part of their path below the mount. */
const excessRights = [
  { path: (key: string) => `keys/${key}`, needs: ["delete"], action: "delete the key" },
  { path: (key: string) => `keys/${key}/config`, needs: ["update", "create"], action: "change the key's settings" },
  { path: (key: string) => `keys/${key}/rotate`, needs: ["update", "create"], action: "rotate the key" },
  { path: (key: string) => `keys/${key}/trim`, needs: ["update", "create"], action: "remove versions of the key" },
  { path: (key: string) => `export/encryption-key/${key}`, needs: ["read"], action: "export the key" },
  { path: (key: string) => `backup/${key}`, needs: ["read"], action: "back up the key" },
] as const;

/** Seconds. A token that ends later than in a week is no finding. */
const shortLife = 7 * 86_400;

/** See `Examine` of `lib/provider/provider.ts`. */
export async function examineTransitKey(
  { name, mount, key, auth }: VaultTransitSettings,
  session: Asks,
  versions: readonly string[],
  call: VaultCall,
): Promise<Omit<KeyExamination, "remarks">> {
  const sentAt = systemClock.wall();
  const path = `${mount}/keys/${key}`;
  const read = await session.request(
    { method: "GET", path: `${encodedPath(mount)}/keys/${encodeURIComponent(key)}` },
    call,
  );
  // A login without the right to read the key adds no finding about it.
  if (read.status !== 200 && read.status !== 403) throw refusal(read, call.action);
  const ofKey = read.status === 200 ? aboutKey({ name, path }, field(read.body, "data"), versions) : [];
  const rights = await excess({ name, mount, key }, session, call);
  const life = auth.method === "token" ? await tokenEnd(name, session, call) : [];
  return { findings: [...ofKey, ...rights, ...life], clockAheadMs: clockAheadOf(read.date, sentAt) };
}

function aboutKey(
  names: { readonly name: string; readonly path: string },
  data: unknown,
  versions: readonly string[],
): readonly KeyFinding[] {
  const flags = [
    ["exportable", "vault-key-exportable"],
    ["allow_plaintext_backup", "vault-key-backup"],
    ["deletion_allowed", "vault-key-deletable"],
    ["derived", "vault-key-derived"],
    ["soft_deleted", "vault-key-soft-deleted"],
  ] as const;
  const set = flags.filter(([flag]) => field(data, flag) === true).map(([, id]) => keyFinding(id, names));
  const found = [...set, ...lostVersions(names, data, versions)];
  return found.length > 0 ? found : [keyFinding("vault-key-held", { name: names.name })];
}

function lostVersions(
  { name, path }: { readonly name: string; readonly path: string },
  data: unknown,
  versions: readonly string[],
): readonly KeyFinding[] {
  const least = Number(field(data, "min_decryption_version") ?? 1);
  const sealed = versions.map(parseVersion).filter((one) => one !== undefined);
  const [lowest] = sealed.map(({ number }) => number).sort((a, b) => a - b);
  const below = lowest !== undefined && lowest < least
    ? [keyFinding("vault-min-decryption", { name, path, least: `${least}`, version: `${lowest}` })]
    : [];
  const latest = Number(field(data, "latest_version"));
  // A key that was deleted and made again has versions of the same numbers with other times.
  const gone = sealed.filter(({ number, createdAt }) =>
    number > latest || (number >= least && creationSeconds(field(field(data, "keys"), `${number}`)) !== createdAt)
  );
  return [...below, ...gone.map(({ number }) => keyFinding("vault-version-lost", { name, version: `${number}` }))];
}

/** Vault's default policy permits a token to ask for its own capabilities. */
async function excess(
  { name, mount, key }: Pick<VaultTransitSettings, "name" | "mount" | "key">,
  session: Asks,
  call: VaultCall,
): Promise<readonly KeyFinding[]> {
  const rows = excessRights.map((row) => ({ ...row, path: `${mount}/${row.path(key)}` }));
  const answer = await session.request(
    { method: "POST", path: "sys/capabilities-self", body: { paths: rows.map(({ path }) => path) } },
    call,
  );
  if (answer.status !== 200) return [];
  const data = field(answer.body, "data") ?? answer.body;
  const held = rows.filter(({ path, needs }) => {
    const capabilities = field(data, path);
    const all: readonly unknown[] = Array.isArray(capabilities) ? capabilities : [];
    return all.includes("root") || needs.some((one) => all.includes(one));
  });
  if (held.length === 0) return [];
  const actions = held.map(({ action }) => action).join(", ");
  return [keyFinding("vault-login-may", { name, actions, paths: held.map(({ path }) => path).join(", ") })];
}

/** The end of a token that somebody else must replace. */
async function tokenEnd(name: string, session: Asks, call: VaultCall): Promise<readonly KeyFinding[]> {
  const answer = await session.request({ method: "GET", path: "auth/token/lookup-self" }, call);
  const data = answer.status === 200 ? field(answer.body, "data") : undefined;
  const ttl = field(data, "ttl");
  const ends = field(data, "renewable") !== true && typeof ttl === "number" && ttl > 0 && ttl < shortLife;
  if (!ends) return [];
  return [keyFinding("vault-token-ends", { name, date: rfc3339(systemClock.wall() + ttl * 1000) ?? "?" })];
}

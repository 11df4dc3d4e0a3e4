/**
 * The examination of a key in Cloud KMS: its protection level, and versions that are disabled or to be destroyed.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { HttpAnswer, HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { clockAheadOf } from "../clock_ahead.ts";
import { type KeyExamination, type KeyFinding, keyFinding } from "../key_findings.ts";
import { refusal } from "./errors.ts";
import { answeredVersion, pathOf, versionOf } from "./names.ts";
import type { GcpKmsSession } from "./session.ts";

/** Maximum number of pages of versions that are read, of 100 each. */
const maxPages = 20;

/** The provider's name and the key's resource name. */
interface GcpNames {
  readonly name: string;
  readonly key: string;
}

/** See `Examine` of `lib/provider/provider.ts`. Both requests need the role `roles/cloudkms.viewer`. */
export async function examineGcpKey(
  names: GcpNames,
  session: Pick<GcpKmsSession, "read">,
  versions: readonly string[],
  call: HttpCall,
): Promise<KeyExamination> {
  const sentAt = systemClock.wall();
  const answer = await session.read(`/v1/${pathOf(names.key)}`, call);
  const clockAheadMs = clockAheadOf(answer.headers.date, sentAt);
  const level = text(field(field(permitted(answer, call)?.body, "versionTemplate"), "protectionLevel"));
  const listed = await allVersions(names.key, session, call);
  const lost = (listed ?? []).flatMap((version) => aboutVersion(names, version, versions));
  const isWhole = listed !== undefined && lost.length === 0;
  return { findings: [...aboutLevel(names, level, isWhole), ...lost], remarks: [], clockAheadMs };
}

/** @param isWhole whether all versions are known and none is lost. */
function aboutLevel({ name }: GcpNames, level: string | undefined, isWhole: boolean): readonly KeyFinding[] {
  if (level === undefined) return [];
  if (level.startsWith("EXTERNAL")) return [keyFinding("gcp-key-external", { name, level })];
  return isWhole ? [keyFinding("gcp-key-held", { name, level })] : [];
}

/** @param sealed names of versions with which this node has sealed data. */
function aboutVersion({ name, key }: GcpNames, listed: unknown, sealed: readonly string[]): readonly KeyFinding[] {
  const number = answeredVersion(key, field(listed, "name"));
  const state = text(field(listed, "state")) ?? "?";
  if (number === undefined) return [];
  const version = `${number}`;
  const isSealed = sealed.some((one) => versionOf(key, one) === number);
  if (state === "DESTROY_SCHEDULED") {
    const date = text(field(listed, "destroyTime")) ?? "a date that it does not tell";
    const texts = { name, key, version, date };
    return [keyFinding(isSealed ? "gcp-version-destroyed" : "gcp-other-version-destroyed", texts)];
  }
  if (state === "ENABLED" || !isSealed) return [];
  return [keyFinding("gcp-version-disabled", { name, key, version, state })];
}

/** `undefined` if the login may not list them, or if there are more than are read. */
async function allVersions(
  key: string,
  session: Pick<GcpKmsSession, "read">,
  call: HttpCall,
): Promise<readonly unknown[] | undefined> {
  const found: unknown[] = [];
  let token = "";
  for (let page = 0; page < maxPages; page++) {
    const next = token === "" ? "" : `&pageToken=${encodeURIComponent(token)}`;
    const path = `/v1/${pathOf(key)}/cryptoKeyVersions?pageSize=100${next}`;
    const answer = permitted(await session.read(path, call), call);
    if (answer === undefined) return undefined;
    const versions = field(answer.body, "cryptoKeyVersions");
    if (Array.isArray(versions)) found.push(...versions);
    token = text(field(answer.body, "nextPageToken")) ?? "";
    if (token === "") return found;
  }
  return undefined;
}

function permitted(answer: HttpAnswer, { action }: HttpCall): HttpAnswer | undefined {
  if (answer.status === 200) return answer;
  if (answer.status === 403) return undefined;
  throw refusal(answer, action);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

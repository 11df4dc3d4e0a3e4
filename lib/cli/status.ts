/**
 * `trousseau status`
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { abortError } from "../deadline.ts";
import { dialKms } from "../grpc/client.ts";
import { counted, minutes } from "../kms/readable.ts";
import type { Call } from "./command.ts";
import { configured, subjectJson, subjectOf } from "./configured.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { json, line } from "./output.ts";
import { askPlugin } from "./running.ts";
import type { StatusDocument } from "./status_document.ts";
import { type Cell, elapsed, painted, table, type Tone, wantsColour } from "./table.ts";

/** Shows how the running plugin is. */
export async function status(call: Call): Promise<ExitStatus> {
  const { options, terminal: { stdout, stderr, environment, signal } } = call;
  const config = await configured(call);
  if (!options.json) line(stdout, subjectOf(config));
  const asked = await askPlugin(config, signal);
  if (signal.aborted) throw abortError(signal, "ask for the status");
  if ("absent" in asked) {
    line(stderr, `${asked.absent}: asking the socket.`);
    return await statusOverSocket(config, call);
  }
  const { found } = asked;
  if (options.json) json(stdout, { source: "http", ...subjectJson(config), ...found });
  else stdout.write(asText(found, Date.now(), wantsColour(stdout, environment)));
  if (found.unreadable) return exitCodes.refused.status;
  if (found.canEncrypt && found.quorum.state === "held") return exitCodes.ok.status;
  return found.quorum.state === "lost" && found.quorum.refused
    ? exitCodes.refused.status
    : exitCodes.unavailable.status;
}

async function statusOverSocket(config: Config, { options, terminal: { stdout, signal } }: Call): Promise<ExitStatus> {
  const { path } = config.socket;
  await using client = dialKms(path);
  const { version, healthz, key_id } = await client.v2.Status({}, { signal });
  if (options.json) json(stdout, { source: "socket", ...subjectJson(config), version, healthz, keyId: key_id });
  else stdout.write(table(["Socket", "Version", "Health", "Key ID"], [[path, version, healthz, key_id]], false));
  return healthz === "ok" ? exitCodes.ok.status : exitCodes.unavailable.status;
}

/** For eyes. Times are told as how long ago they were. */
export function asText(found: StatusDocument, now: number, colour: boolean): string {
  const { keyId, provisional, message, quorum, needed, providers, retired = [] } = found;
  const troubles = [...providers, ...retired.filter(({ health }) => health !== "unknown")].filter((
    { health, message },
  ) => health !== "well" && message !== "");
  const quorumCell: Cell = quorum.state === "held"
    ? { text: `held, ${needed} of ${providers.length} are needed`, tone: "good" }
    : { text: `lost for ${elapsed(now - quorum.since)}: ${quorum.message}`, tone: "bad" };
  return [
    `Key ID:  ${painted(keyId ?? { text: `none. ${message}`, tone: "bad" }, colour)}${
      provisional ? " (provisional)" : ""
    }`,
    ...announcedLines(found, now),
    `Quorum:  ${painted(quorumCell, colour)}`,
    `Encrypt: ${
      painted(found.canEncrypt ? { text: "ready", tone: "good" } : { text: "not ready", tone: "bad" }, colour)
    }`,
    ...decryptLines(found, now, colour),
    "",
    table(
      ["Provider", "Kind", "Health", "Since", "Last good", "Version", "Lacks a wrap"],
      [
        ...providers.map((provider) => providerRow(provider, found.canEncrypt, now)),
        ...retired.map((provider) => [...healthCells(provider, now), "", { text: "retired", tone: "dim" } as const]),
      ],
      colour,
    ).trimEnd(),
    ...(troubles.length > 0
      ? ["", ...troubles.map(({ message }) => painted({ text: message, tone: "bad" }, colour))]
      : []),
    ...sealedLines(found, now, colour),
    "",
  ].join("\n");
}

/** Since when the key ID is announced and whether an API server uses it: before that, rewriting changes nothing. */
function announcedLines({ keyId, announcedAt, firstEncryptAt }: StatusDocument, now: number): readonly string[] {
  if (typeof keyId !== "string" || typeof announcedAt !== "number") return [];
  const first = typeof firstEncryptAt === "number"
    ? `first Encrypt under it ${timeOfDay(firstEncryptAt, now)}`
    : "no Encrypt of an API server under it noted yet";
  return [`         announced ${timeOfDay(announcedAt, now)}, ${first} (UTC)`];
}

/** In UTC, as logs have it: `18:03:12`, with the date where it is a day ago or more. */
function timeOfDay(at: number, now: number): string {
  if (!(Math.abs(at) <= 8.64e15)) return "?";
  const [day = "", time = ""] = new Date(at).toISOString().slice(0, 19).split("T");
  return Math.abs(now - at) < 86_400_000 ? time : `${day} ${time}`;
}

/** Why stored data cannot be read, and which Decrypts were refused lately. */
function decryptLines({ unreadable = "", decrypts }: StatusDocument, now: number, colour: boolean): readonly string[] {
  const refused = decrypts?.refused ?? [];
  const within = minutes(decrypts?.windowMs ?? 0);
  const tone = unreadable === "" ? "warn" : "bad";
  return [
    ...(unreadable === "" ? [] : [`Decrypt: ${painted({ text: unreadable, tone }, colour)}`]),
    ...refused.map(({ code, message, since, ...one }) => {
      const text = `${counted([one])} refused in the last ${within}, since ${
        elapsed(now - since)
      }: ${message} (${code})`;
      return `Decrypt: ${painted({ text, tone }, colour)}`;
    }),
  ];
}

/** What cannot be opened, and how the others are. */
function sealedLines({ sealedVersions = [], providers }: StatusDocument, now: number, colour: boolean): string[] {
  const sealed = sealedVersions.map((one) => ({
    ...one,
    counts: providers.some(({ name, version }) => name === one.provider && version === one.version),
  }));
  const bad = sealed.filter(({ state }) => state === "refused" || state === "unknown");
  const untested = sealed.filter(({ state }) => state === "not_tested");
  const opens = sealed.length - bad.length - untested.length;
  if (sealed.length === 0) return [];
  return [
    "",
    `Sealed with before: ${opens} of ${sealed.length} versions open${
      untested.length === 0 ? "" : `; not tested: ${untested.map(sealedName).join(", ")}`
    }`,
    ...bad.map((one) => {
      const when = typeof one.testedAt === "number" ? `, tried ${elapsed(now - one.testedAt)} ago` : "";
      const text =
        `${sealedName(one)} ${one.state === "refused" ? "cannot be opened" : "could not be tried"}${when}: ` +
        one.message;
      return painted({ text, tone: one.state === "refused" ? "bad" : "warn" }, colour);
    }),
  ];
}

type NamedVersion = NonNullable<StatusDocument["sealedVersions"]>[number] & { readonly counts: boolean };

/** A version that was lost stays marked, also where the announced key ID has another one since. */
function sealedName({ provider, version, announced, state, counts }: NamedVersion): string {
  const wasLost = announced && state === "refused" && !counts;
  const mark = wasLost ? " (lost while it was in the announced key ID)" : announced ? " (in the announced key ID)" : "";
  return `${provider}@${version}${mark}`;
}

const toneOfHealth = { unknown: "warn", well: "good", sick: "bad", refusing: "bad" } as const satisfies Record<
  StatusDocument["providers"][number]["health"],
  Tone
>;

function providerRow(
  provider: StatusDocument["providers"][number],
  hasDataKey: boolean,
  now: number,
): readonly Cell[] {
  const wrapCell: Cell = hasDataKey ? lacksWrap(provider, now) : { text: "no data key yet", tone: "bad" };
  return [...healthCells(provider, now), provider.version, wrapCell];
}

function healthCells(
  provider: NonNullable<StatusDocument["retired"]>[number],
  now: number,
): readonly Cell[] {
  const { name, kind, health, since, lastGoodAt } = provider;
  return [
    name,
    kind,
    { text: health, tone: toneOfHealth[health] },
    `${elapsed(now - since)} ago`,
    typeof lastGoodAt === "number" ? `${elapsed(now - lastGoodAt)} ago` : "never",
  ];
}

function lacksWrap({ lacksWrapSince }: StatusDocument["providers"][number], now: number): Cell {
  return typeof lacksWrapSince === "number" ? { text: `for ${elapsed(now - lacksWrapSince)}`, tone: "warn" } : "no";
}

/**
 * `trousseau status`
 *
 * @module
 */
import { rfc3339, systemClock } from "../../base/clock.ts";
import type { Config } from "../../config/config.ts";
import { formatDuration, parseDuration } from "../../base/duration.ts";
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { StatusResponse } from "../../api/kms/messages.ts";
import { counted, minutes } from "../../kek/refused_decrypts.ts";
import { UsageError } from "../command.ts";
import { type CommandLog, commandLog } from "./command_log.ts";
import { configuredToLook, subjectJson, subjectOf } from "./configured.ts";
import { errorHelpLines, messageAnchors } from "../error_help.ts";
import { exitCodes, type ExitStatus, exitStatus } from "../exit_codes.ts";
import { json, jsonLine, line } from "../terminal.ts";
import type { Terminal, TrousseauCall } from "./terminal.ts";
import { askPlugin } from "./running.ts";
import type { StatusDocument } from "./status_document.ts";
import { type Cell, elapsed, painted, table, type Tone, wantsColour } from "../table.ts";
import { redraw, watch } from "./watch.ts";

/** Milliseconds between two requests of `--watch`: the default and the minimum. */
const pauses = { preset: 2000, least: 1000 } as const;

/** The result of one request. */
type Look = { readonly source: "http"; readonly found: StatusDocument } | {
  readonly source: "socket";
  /** The reason why HTTP returned no status, as the end of a sentence. */
  readonly absent: string;
  readonly answer: StatusResponse | KmsError;
  /** The anchors of the error. */
  readonly anchors: readonly string[];
};

/** Prints the status of the running plugin, once or repeatedly. */
export async function status(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal: { stdout, stderr, signal } } = call;
  const everyMs = pauseOf(call);
  const config = await configuredToLook(call);
  if (everyMs !== undefined) return await watchStatus(config, everyMs, call);
  if (!options.json) line(stdout, subjectOf(config));
  const look = await lookAt(
    config,
    signal,
    commandLog(call),
    (absent) => line(stderr, `${absent}: asking the socket.`),
  );
  if (signal.aborted) throw abortError(signal, "ask for the status");
  if (look.source === "socket" && look.answer instanceof KmsError) throw look.answer;
  if (options.json) json(stdout, lookJson(look, config));
  else stdout.write(lookText(look, config, call.terminal));
  return statusOf(look);
}

function pauseOf({ options: { watch, interval } }: TrousseauCall): number | undefined {
  if (interval === undefined) return watch ? pauses.preset : undefined;
  if (!watch) throw new UsageError("--interval is for --watch.", "status");
  const ms = parseDuration(interval);
  if (ms === undefined || ms < pauses.least) {
    throw new UsageError("--interval is a duration of at least 1s, as in 5s or 1m.", "status");
  }
  return ms;
}

/** Prints the status until the signal is aborted. @returns the exit status of the last request. */
async function watchStatus(config: Config, everyMs: number, call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal, terminal: { stdout, environment, signal } } = call;
  const redraws = stdout.isTerminal && environment.get("TERM") !== "dumb";
  const every = `every ${formatDuration(everyMs)}; Ctrl-C ends it`;
  if (redraws && !options.json) stdout.write("\x1b[2J");
  const last = await watch({
    look: (signal) => lookAt(config, signal, commandLog(call)),
    show: (look) => {
      if (options.json) return jsonLine(stdout, lookJson(look, config));
      const head = `${subjectOf(config)}\n${new Date(systemClock.wall()).toISOString().slice(0, 19)}Z, ${every}\n`;
      redraw(stdout, head + absentLine(look) + lookText(look, config, terminal), redraws);
    },
    everyMs,
    clock: systemClock,
    signal,
  });
  return last === undefined ? exitCodes.ok.status : statusOf(last);
}

function absentLine(look: Look): string {
  return look.source === "http" ? "" : `${look.absent}: asking the socket.\n`;
}

/** Gets the status over HTTP, or over the socket if HTTP returns none. */
async function lookAt(
  config: Config,
  signal: AbortSignal,
  log: CommandLog,
  onAbsent: (absent: string) => void = () => {},
): Promise<Look> {
  const response = await askPlugin(config, signal);
  if (!("absent" in response)) {
    log.debug("The plugin has answered over HTTP.");
    return { source: "http", found: response.found };
  }
  if (signal.aborted) throw abortError(signal, "ask for the status");
  const { absent } = response;
  onAbsent(absent);
  log.debug(`${absent}: asking the socket.`, { socket: config.socket.path });
  // Most calls are answered over HTTP, and load no client of gRPC.
  const { dialKms } = await import("../../api/kms/client.ts");
  await using client = dialKms(config.socket.path);
  const answer = await client.v2.Status({}, { signal }).catch((thrown: unknown) => {
    if (thrown instanceof KmsError) return thrown;
    throw thrown;
  });
  const anchors = await messageAnchors(answer instanceof KmsError ? [answer.message] : []);
  return { source: "socket", absent, answer, anchors };
}

function lookJson(look: Look, config: Config): unknown {
  if (look.source === "http") return { source: "http", ...subjectJson(config), ...look.found };
  const { answer } = look;
  if (answer instanceof KmsError) {
    const { code, message } = answer;
    return {
      source: null,
      ...subjectJson(config),
      ok: false,
      error: { code, message, causes: [], anchors: look.anchors },
    };
  }
  const { version, healthz, key_id } = answer;
  return { source: "socket", ...subjectJson(config), version, healthz, keyId: key_id };
}

function lookText(look: Look, config: Config, { stdout, environment }: Terminal): string {
  const colour = wantsColour(stdout, environment);
  if (look.source === "http") return asText(look.found, systemClock.wall(), colour);
  const { answer } = look;
  if (answer instanceof KmsError) {
    const help = errorHelpLines("trousseau", look.anchors);
    return [painted({ text: answer.message, tone: "bad" }, colour), ...help].map((text) => `${text}\n`).join("");
  }
  const { version, healthz, key_id } = answer;
  return table(["Socket", "Version", "Health", "Key ID"], [[config.socket.path, version, healthz, key_id]], false);
}

function statusOf(look: Look): ExitStatus {
  if (look.source === "http") return statusOfDocument(look.found);
  if (look.answer instanceof KmsError) return exitStatus(look.answer);
  return look.answer.healthz === "ok" ? exitCodes.ok.status : exitCodes.unavailable.status;
}

function statusOfDocument({ unreadable, canEncrypt, quorum }: StatusDocument): ExitStatus {
  if (unreadable) return exitCodes.refused.status;
  if (canEncrypt && quorum.state === "held") return exitCodes.ok.status;
  return quorum.state === "lost" && quorum.refused ? exitCodes.refused.status : exitCodes.unavailable.status;
}

/**
 * The status as text. Times are shown as ages.
 *
 * @param now milliseconds since the epoch.
 */
export function asText(found: StatusDocument, now: number, colour: boolean): string {
  const { keyId, provisional, message, quorum, needed, providers, retired = [], wrapOnly = [] } = found;
  const troubles = [...providers, ...wrapOnly, ...retired.filter(({ health }) => health !== "unknown")].filter((
    { health, message },
  ) => health !== "well" && message !== "");
  const quorumCell: Cell = quorum.state === "held"
    ? { text: `held, ${needed} of ${providers.length} are needed`, tone: "good" }
    : { text: `lost for ${elapsed(now - at(quorum.since))}: ${quorum.message}`, tone: "bad" };
  return [
    `Key ID:  ${painted(keyId ?? { text: `none. ${message}`, tone: "bad" }, colour)}${
      provisional ? " (provisional)" : ""
    }`,
    ...announcedLines(found, now),
    `Quorum:  ${painted(quorumCell, colour)}`,
    `Encrypt: ${painted(encryptCell(found, now), colour)}`,
    ...decryptLines(found, now, colour),
    ...warningLines(found, now, colour),
    "",
    table(
      ["Provider", "Kind", "Health", "Since", "Last good", "Version", "Lacks a wrap"],
      [
        ...providers.map((provider) => providerRow(provider, hasDataKey(found), now)),
        ...wrapOnly.map((provider) => [...healthCells(provider, now), "", { text: "wrap only", tone: "dim" } as const]),
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

/** The time since the key ID was announced, and whether an API server uses it: before that, rewriting has no effect. */
function announcedLines({ keyId, announcedAt, firstEncryptAt }: StatusDocument, now: number): readonly string[] {
  if (typeof keyId !== "string" || announcedAt === undefined || announcedAt === null) return [];
  const first = typeof firstEncryptAt === "string"
    ? `first Encrypt under it ${timeOfDay(firstEncryptAt, now)}`
    : "no Encrypt of an API server under it noted yet";
  return [`         announced ${timeOfDay(announcedAt, now)}, ${first} (UTC)`];
}

/** A time in UTC as in logs: `18:03:12`, with the date if it is at least a day ago. */
function timeOfDay(timestamp: string, now: number): string {
  const wall = at(timestamp);
  const [day, time] = rfc3339(wall)?.slice(0, 19).split("T") ?? [];
  if (day === undefined || time === undefined) return "?";
  return Math.abs(now - wall) < 86_400_000 ? time : `${day} ${time}`;
}

/** Milliseconds since the epoch; `NaN` for an invalid time. */
function at(timestamp: string | null | undefined): number {
  return Date.parse(timestamp ?? "");
}

/** The present result of an Encrypt. A data key that was wrapped earlier does not hide a KMS that refuses. */
function encryptCell(found: StatusDocument, now: number): Cell {
  const { canEncrypt, quorum, dataKeyMadeAt } = found;
  const made = typeof dataKeyMadeAt === "string" ? ` made ${elapsed(now - at(dataKeyMadeAt))} ago` : "";
  if (quorum.state === "held") {
    return canEncrypt ? { text: "ready", tone: "good" } : { text: "not ready", tone: "bad" };
  }
  // Versions up to 0.1.0 report `canEncrypt: true` even while they refuse.
  if (canEncrypt && !quorum.refused) {
    const text = `answered with the data key${made}; no KMS wraps another one: ${quorum.message}`;
    return { text, tone: "warn" };
  }
  if (!hasDataKey(found)) return { text: `not ready: ${quorum.message}`, tone: "bad" };
  const why = quorum.refused ? "the KMS refuses" : "the outage policy has it so";
  return { text: `refused, although a data key${made} is held: ${why}: ${quorum.message}`, tone: "bad" };
}

/** Versions up to 0.1.0 do not report when the data key was created. */
function hasDataKey({ canEncrypt, dataKeyMadeAt }: StatusDocument): boolean {
  return dataKeyMadeAt === undefined ? canEncrypt : dataKeyMadeAt !== null;
}

/** Warnings of faults, and of a loaded recovery key, that do not prevent the plugin from serving. */
function warningLines(
  { stateFolder, telemetry = "", recoveryKey = "" }: StatusDocument,
  now: number,
  colour: boolean,
): readonly string[] {
  const state = stateFolder?.writable === false
    ? `${stateFolder.message} (for ${elapsed(now - at(stateFolder.since))})`
    : "";
  return [
    ...(state === "" ? [] : [`State:   ${painted({ text: state, tone: "bad" }, colour)}`]),
    ...(recoveryKey === "" ? [] : [`Warning: ${painted({ text: recoveryKey, tone: "bad" }, colour)}`]),
    ...(telemetry === "" ? [] : [`Audit:   ${painted({ text: telemetry, tone: "bad" }, colour)}`]),
  ];
}

/** The reason why stored data cannot be read, and recently refused Decrypts. */
function decryptLines({ unreadable = "", decrypts }: StatusDocument, now: number, colour: boolean): readonly string[] {
  const refused = decrypts?.refused ?? [];
  const within = minutes(decrypts?.windowMs ?? 0);
  const tone = unreadable === "" ? "warn" : "bad";
  return [
    ...(unreadable === "" ? [] : [`Decrypt: ${painted({ text: unreadable, tone }, colour)}`]),
    ...refused.map(({ code, message, since, ...one }) => {
      const text = `${counted([one])} refused in the last ${within}, since ${
        elapsed(now - at(since))
      }: ${message} (${code})`;
      return `Decrypt: ${painted({ text, tone }, colour)}`;
    }),
  ];
}

/** The versions that cannot unwrap, and a summary of the others. */
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
      const when = typeof one.testedAt === "string" ? `, tried ${elapsed(now - at(one.testedAt))} ago` : "";
      const text =
        `${sealedName(one)} ${one.state === "refused" ? "cannot be opened" : "could not be tried"}${when}: ` +
        one.message;
      return painted({ text, tone: one.state === "refused" ? "bad" : "warn" }, colour);
    }),
  ];
}

type NamedVersion = NonNullable<StatusDocument["sealedVersions"]>[number] & { readonly counts: boolean };

/** The name of a version. A lost version stays marked, even if the announced key ID has a newer one. */
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
    `${elapsed(now - at(since))} ago`,
    typeof lastGoodAt === "string" ? `${elapsed(now - at(lastGoodAt))} ago` : "never",
  ];
}

function lacksWrap({ lacksWrapSince }: StatusDocument["providers"][number], now: number): Cell {
  return typeof lacksWrapSince === "string" ? { text: `for ${elapsed(now - at(lacksWrapSince))}`, tone: "warn" } : "no";
}

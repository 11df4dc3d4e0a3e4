/**
 * The contract between a service and the HTTP endpoint: the service provides the content of the pages, the endpoint the
 * protocol.
 *
 * @module
 */
import { rfc3339 } from "../base/clock.ts";
import type { GaugeRow } from "./gauges.ts";
import { escapedText } from "./text.ts";

/** The readiness of a service. */
export interface Readiness {
  readonly ready: boolean;
  /** The reason, in sentences; `""` if there is nothing to report. A service that is ready can have a message too. */
  readonly message: string;
}

/** One status of a service. */
export interface StatusPage {
  /** Whether `/readyz` answers 200. */
  readonly ready: boolean;
  /** The JSON object of `/readyz` and `/status`. */
  document(): Readonly<Record<string, unknown>>;
  /** The text of `/readyz`: lines of printable text (`escapedText`), each ended by LF. */
  text(): string;
}

/** The pages of a service. Each function reads the status from memory at the time of the call. */
export interface ServicePages {
  /** Reads the status. @param telemetry the failure of telemetry, in sentences; `""` if there is none. */
  page(telemetry: string): StatusPage;
  /** The gauges of `/metrics` that show the status. */
  gauges(): readonly GaugeRow[];
}

/**
 * A time for JSON: RFC 3339 in UTC; `null` if it is missing or RFC 3339 cannot express it.
 *
 * @param wall milliseconds since the epoch.
 */
export function jsonTime(wall: number | undefined): string | null {
  return wall === undefined ? null : rfc3339(wall) ?? null;
}

/**
 * A time for text: RFC 3339 in UTC to the second; `?` if RFC 3339 cannot express it.
 *
 * @param wall milliseconds since the epoch.
 */
export function textTime(wall: number): string {
  return rfc3339(wall)?.replace(/\.\d+Z$/, "Z") ?? "?";
}

/** Formats the rows of a table as lines with aligned columns, two spaces apart. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = rows[0]?.map((_, column) => width(column)) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}

/** Joins lines to the text of a page. Characters that are not printable are escaped. */
export function pageText(lines: readonly string[]): string {
  return `${lines.map(escapedText).join("\n")}\n`;
}

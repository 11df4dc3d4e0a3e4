/**
 * The pages of a service, as the HTTP endpoint serves them: the service gives the rows, the endpoint the formats.
 *
 * @module
 */
import { rfc3339 } from "../base/clock.ts";
import type { GaugeRow } from "./gauges.ts";
import { escapedText } from "./text.ts";

/** The readiness of a service. */
export interface Readiness {
  readonly ready: boolean;
  /** Why, in sentences; `""` if there is nothing to report. A service that is ready may give a message too. */
  readonly message: string;
}

/** One status of a service. */
export interface StatusPage {
  /** Whether `/readyz` answers 200. */
  readonly ready: boolean;
  /** The JSON object of `/readyz` and `/status`. */
  document(): Readonly<Record<string, unknown>>;
  /** The text of `/readyz`: escapedText lines, each ended by LF. */
  text(): string;
}

/** The pages of a service. Each function reads the status from memory at the time of the call. */
export interface ServicePages {
  /** @param telemetry what is wrong with logs and audit, in one sentence; `""` if nothing is. */
  page(telemetry: string): StatusPage;
  /** The gauges of `/metrics` that show the status. */
  gauges(): readonly GaugeRow[];
}

/** A moment as JSON has it: RFC 3339 in UTC; `null` if it is missing or RFC 3339 cannot express it. */
export function jsonTime(wall: number | undefined): string | null {
  return wall === undefined ? null : rfc3339(wall) ?? null;
}

/** A moment as text has it: RFC 3339 in UTC to the second; `?` if RFC 3339 cannot express it. */
export function textTime(wall: number): string {
  return rfc3339(wall)?.replace(/\.\d+Z$/, "Z") ?? "?";
}

/** Rows of a table as lines with aligned columns, two spaces apart. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = rows[0]?.map((_, column) => width(column)) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}

/** Lines as the text of a page; a character that is not escapedText is escaped. */
export function pageText(lines: readonly string[]): string {
  return `${lines.map(escapedText).join("\n")}\n`;
}

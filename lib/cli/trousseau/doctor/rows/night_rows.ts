/**
 * The findings about the loss of a provider.
 *
 * @module
 */
import type { DoctorRow } from "../row.ts";

/** The rows. */
export const nightRows = {
  "night-survived": {
    group: "night",
    severity: "ok",
    sentence: 'If "{name}" were gone now: writes go on by {others}, and {reads}.',
    cure: "",
  },
  "night-writes-end": {
    group: "night",
    severity: "warn",
    sentence: 'If "{name}" were gone now: {writes}; {reads}.',
    cure: "Add another provider to the configuration, or set a smaller `wrap`: docs/quorum.md.",
  },
  "night-reads-end": {
    group: "night",
    severity: "warn",
    sentence: 'If "{name}" were gone now: writes go on by {others}, but {reads}.',
    cure: "Rewrite the objects, so that the other providers wrap them too: docs/quorum.md and docs/migrate.md.",
  },
  "night-data-lost": {
    group: "night",
    severity: "bad",
    sentence:
      'If "{name}" were gone for ever: {objects} objects in {source} would be lost, since no other provider opens them.',
    cure: "Add another provider, then rewrite the objects: docs/quorum.md and docs/migrate.md.",
  },
  "night-data-kept": {
    group: "night",
    severity: "ok",
    sentence: 'If "{name}" were gone for ever: all {objects} objects in {source} would still open.',
    cure: "",
  },
  "night-data-closed": {
    group: "night",
    severity: "bad",
    sentence: "No provider of the configuration has wrapped {objects} objects in {source} ({names}): they do not open.",
    cure: "Put that provider back under `retired`, or its name under `formerly` of its successor: docs/quorum.md.",
  },
  "night-wrap-lacks": {
    group: "night",
    severity: "warn",
    sentence:
      'Provider "{name}" has not wrapped the data key in use since {since}: it could not open what is written now.',
    cure: "Cure the failure of the provider: trousseau status.",
  },
  "night-uncounted": {
    group: "night",
    severity: "skip",
    sentence: "The objects in etcd were not counted.",
    cure: "--snapshot FILE, or --etcd https://127.0.0.1:2379",
  },
  "night-unscanned": {
    group: "night",
    severity: "bad",
    sentence: "The objects in etcd could not be counted: {message}",
    cure: "trousseau verify with the same options",
  },
} as const satisfies Readonly<Record<string, DoctorRow>>;

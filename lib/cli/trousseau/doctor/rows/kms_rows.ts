/**
 * The findings about the providers.
 *
 * @module
 */
import type { DoctorRow } from "../row.ts";

/** The rows. */
export const kmsRows = {
  "provider-well": {
    group: "kms",
    severity: "ok",
    sentence: 'Provider "{name}" ({kind}) has wrapped and unwrapped with version {version}.',
    cure: "",
  },
  "provider-fails": {
    group: "kms",
    severity: "bad",
    sentence: "{message}",
    cure: "trousseau check -v{config} shows each call.",
  },
  "provider-untried": {
    group: "kms",
    severity: "skip",
    sentence: 'Provider "{name}" was not tried: {message}',
    cure: "trousseau status shows it while the plugin runs.",
  },
  "provider-remark": {
    group: "kms",
    severity: "warn",
    sentence: 'Provider "{name}": {message}',
    cure: "Follow the sentence; the page of the KMS in docs/kms explains it.",
  },
  "key-unexamined": {
    group: "kms",
    severity: "skip",
    sentence: 'The key of provider "{name}" was not examined: {message}',
    cure: "trousseau check -v{config}",
  },
  "quorum-held": {
    group: "kms",
    severity: "ok",
    sentence: "The wrap quorum of {needed} is held: {reached} providers can wrap.",
    cure: "",
  },
  "quorum-missed": {
    group: "kms",
    severity: "bad",
    sentence: "The wrap quorum of {needed} is missed: {reached} providers can wrap.",
    cure: "Cure the providers above, or set a smaller `wrap`.",
  },
  "data-lost": {
    group: "kms",
    severity: "bad",
    sentence: "{message}",
    cure: "trousseau keys{config}; docs/troubleshooting.md has the ways back.",
  },
} as const satisfies Readonly<Record<string, DoctorRow>>;

/**
 * The fields of an entry as they are written.
 *
 * @module
 */
import type { KeyringAuditEntry } from "../../../api/keyring/audit_format.ts";

/** Maximum length of a text in UTF-16 code units; longer ones end with an ellipsis. A path has at most 2,063 bytes. */
const maxText = { path: 2063, other: 512 } as const;

/** Fields in a fixed order, without those that are absent. No other property of the entry is written. */
export function entryFields(entry: KeyringAuditEntry): object {
  const { requestId, identity, action, path, version, result, address, note } = entry;
  return {
    requestId: cutText(requestId),
    identity: cutText(identity),
    action: cutText(action),
    ...(path === undefined ? {} : { path: cutText(path, maxText.path) }),
    ...(version === undefined ? {} : { version }),
    result,
    ...(address === undefined ? {} : { address: cutText(address) }),
    ...(note === undefined ? {} : { note: cutText(note) }),
  };
}

/** A text of limited length. JSON escapes each lone surrogate, so that every text has an encoding in UTF-8. */
export function cutText(text: string, max: number = maxText.other): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

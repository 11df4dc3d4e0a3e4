/**
 * Detects stored data that cannot be read. It is a pure function of the status of a node.
 *
 * It is separate from the outage policy: Status and Encrypt still work, so their answers do not depend on it.
 *
 * @module
 */
import { counted, minutes } from "../../kek/refused_decrypts.ts";
import type { RefusedDecrypts } from "../../kek/status.ts";
import type { ServiceStatus } from "./status.ts";

/**
 * The reasons why stored data cannot be read, in sentences; `""` if there is no sign of it. There are two signs:
 *
 * - Each provider of the announced key ID refuses one of its sentinels: a sentinel of a version that counts in the
 *   announced key ID, or that counted in an earlier one when it was first refused. Earlier ones matter because a node
 *   whose key was replaced announces the next key ID within seconds, while the data sealed before stays unreadable. Any
 *   one wrap opens an envelope, so one provider without a refused sentinel is enough to read.
 * - Decrypts fail: `decrypts.failing`, see `DecryptBoard`.
 */
export function unreadable({ decrypts, sealedVersions }: Pick<ServiceStatus, "decrypts" | "sealedVersions">): string {
  const announced = sealedVersions.filter((version) => version.announced);
  const refused = announced.filter(({ state }) => state === "refused");
  const isLost = announced.length > 0 &&
    announced.every(({ provider }) => refused.some((one) => one.provider === provider));
  const sentences = [
    ...(isLost ? [`What this node has sealed cannot be opened again. ${messagesOf(refused)}`] : []),
    ...(decrypts.failing ? [failing(decrypts.windowMs, decrypts.refused)] : []),
  ];
  return sentences.map((sentence) => sentence.trim()).join(" ");
}

function failing(windowMs: number, refused: readonly RefusedDecrypts[]): string {
  return `Stored data cannot be read: Decrypts of ${counted(refused)} were refused in the last ${minutes(windowMs)} ` +
    `and none succeeded; find the cause in docs/troubleshooting.md under "Refused Decrypts". ${messagesOf(refused)}`;
}

function messagesOf(of: readonly { readonly message: string }[]): string {
  return [...new Set(of.map(({ message }) => message))].join(" ");
}

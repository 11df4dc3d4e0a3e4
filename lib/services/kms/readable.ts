/**
 * Whether what is stored can be read, as far as a node knows: a pure function of its status.
 *
 * It is apart from the outage policy: kube-apiserver is told nothing of it, since Encrypt and Status are well.
 *
 * @module
 */
import { counted, minutes } from "../../kek/refused_decrypts.ts";
import type { RefusedDecrypts } from "../../kek/status.ts";
import type { ServiceStatus } from "./status.ts";

/**
 * Why stored data cannot be read, in sentences; `""` where nothing shows that.
 *
 * Two signs count. Each provider of the announced key ID refuses a sentinel of it, or of a key ID before it that was
 * announced when the sentinel was refused first: with another key in its place a node announces the next key ID within
 * seconds, and what it has sealed stays unreadable. Any one wrap opens an envelope, so one provider that refuses none is
 * enough to say nothing. Or Decrypts fail as `DecryptBoard` has it.
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

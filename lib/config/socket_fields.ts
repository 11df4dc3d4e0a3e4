/**
 * The fields and checks that both sockets and both quorums of a config share.
 *
 * @module
 */
import * as z from "zod/mini";
import { accountFiles, accountNumber } from "./accounts.ts";
import type { WrapQuorum } from "../envelope/quorum.ts";
import type { SocketConfig } from "./config.ts";
import { defaults } from "./defaults.ts";
import { account, fileMode } from "./fields.ts";
import type { Files } from "./files.ts";
import type { ConfigValidator } from "./providers/common.ts";
import { readSocket, socketPathComplaint } from "./socket_path.ts";

/** Maximum number of providers: each adds an annotation, and kube-apiserver limits all annotations to 32 KiB. */
export const maxProviders = 8;

const wrapComplaint = `must be all, any, or a number from 1 to ${maxProviders}`;

/** `all`, `any` or a number of providers. */
export function wrapField(description: string) {
  return z.union([
    z.enum(["all", "any"]),
    z.int().check(z.gte(1, wrapComplaint), z.lte(maxProviders, wrapComplaint)),
  ], { error: () => wrapComplaint }).check(
    z.meta({ title: `all, any, or 1 to ${maxProviders}`, description }),
  );
}

/** The reason why the quorum cannot be reached with this number of providers, if it cannot. */
export function wrapComplaintOf(wrap: WrapQuorum, providerCount: number): string | undefined {
  if (typeof wrap !== "number" || wrap <= providerCount || providerCount === 0) return undefined;
  return `is ${wrap}, and there ${providerCount === 1 ? "is 1 provider" : `are ${providerCount} providers`}`;
}

/** The permissions of a socket. */
export function socketFields(who: "plugin" | "sops") {
  const runs = who === "plugin" ? "the plugin" : "trousseau sops";
  return {
    mode: z.prefault(
      fileMode('The mode of the socket, in quotes: "0600" for its owner alone, "0660" for its group too.'),
      defaults[who === "plugin" ? "socket" : "sops"].mode,
    ),
    owner: z.exactOptional(
      account(`The user that owns the socket, by name or number, such as root. Default: the user that runs ${runs}.`),
    ),
    group: z.exactOptional(
      account(`The group that owns the socket, by name or number. Default: the group of the user that runs ${runs}.`),
    ),
  };
}

interface WrittenAccess {
  readonly mode: number;
  readonly owner?: string | number;
  readonly group?: string | number;
}

/** The socket from the config, with the checks that are possible before it is bound. */
export async function socketOf(
  written: WrittenAccess & { readonly path: string },
  files: Files,
  validator: ConfigValidator,
): Promise<SocketConfig> {
  const access = await accessOf(written, files, validator);
  return { path: await placeOfSocket("path", written.path, validator), ...access };
}

/** The path of a socket from a field, with the same checks. */
export async function placeOfSocket(field: string, written: string, validator: ConfigValidator): Promise<string> {
  const read = readSocket(written);
  if ("complaint" in read) {
    validator.complain([field], read.complaint);
    return validator.absolute(written);
  }
  const path = await validator.writable([field], read.path);
  const complaint = socketPathComplaint(path);
  if (complaint !== undefined) validator.complain([field], complaint);
  return path;
}

/** The absolute path of a socket, for a config that may have other problems. */
export function socketPathIn(written: string, validator: ConfigValidator): string {
  const read = readSocket(written);
  return validator.absolute("path" in read ? read.path : written);
}

/** The mode, owner and group of a socket. */
export async function accessOf(
  written: WrittenAccess,
  files: Files,
  validator: ConfigValidator,
): Promise<Omit<SocketConfig, "path">> {
  return {
    mode: written.mode,
    owner: await accountOf("owner", written.owner, files, validator),
    group: await accountOf("group", written.group, files, validator),
  };
}

async function accountOf(
  field: "owner" | "group",
  account: string | number | undefined,
  files: Files,
  validator: ConfigValidator,
): Promise<number | undefined> {
  if (typeof account !== "string") return account;
  const number = await accountNumber(accountFiles[field], account, files);
  if (number === undefined) {
    validator.complain([field], `no such name in ${accountFiles[field]}; give the number`);
  }
  return number;
}

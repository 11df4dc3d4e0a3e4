/**
 * Sockets of other plugins, held against our own and against each other.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import type { ProviderConfig } from "./config.ts";
import type { Files } from "./files.ts";
import type { FieldPath } from "./positions.ts";
import { pathText } from "./problems.ts";
import type { ProviderListName } from "./provider_lists.ts";
import type { ConfigValidator } from "./providers/common.ts";

/** A provider and where it stands in the config. */
export interface PlacedProvider {
  readonly list: ProviderListName;
  readonly index: number;
  readonly provider: ProviderConfig;
}

/**
 * A plugin that has itself for a KMS would wait for itself for ever, and one socket twice is one key twice. Both are found
 * under other names too: a link, or a folder that is mounted in two places.
 *
 * @param own the path that is served here.
 */
export async function checkPluginSockets(
  own: string,
  placed: readonly PlacedProvider[],
  files: Files,
  validator: Pick<ConfigValidator, "complain">,
): Promise<void> {
  const seen: { readonly path: FieldPath; readonly socket: string }[] = [];
  for (const { list, index, provider: { settings } } of placed) {
    if (settings.kind !== "kms-plugin") continue;
    const { socket } = settings;
    const path = [list, index, "socket"];
    if (await isSame(socket, own, files)) {
      validator.complain(
        path,
        `${socket} is the socket that this plugin serves itself: it would wait for itself for ever`,
      );
      continue;
    }
    const first = await firstOf(seen, socket, files);
    if (first !== undefined) {
      validator.complain(path, `is the socket of ${pathText(first.slice(0, 2))} too; one plugin twice is no quorum`);
    }
    seen.push({ path, socket });
  }
}

async function firstOf(
  seen: readonly { readonly path: FieldPath; readonly socket: string }[],
  socket: string,
  files: Files,
): Promise<FieldPath | undefined> {
  for (const other of seen) if (await isSame(socket, other.socket, files)) return other.path;
  return undefined;
}

/** Whether two paths lead to one socket, or will once it is there. */
async function isSame(one: string, other: string, files: Files): Promise<boolean> {
  if (one === other) return true;
  if (await haveOneIdentity(one, other, files)) return true;
  return basename(one) === basename(other) && await haveOneIdentity(dirname(one), dirname(other), files);
}

async function haveOneIdentity(one: string, other: string, files: Files): Promise<boolean> {
  const [a, b] = await Promise.all([files.identity(one), files.identity(other)]);
  return a !== undefined && a === b;
}

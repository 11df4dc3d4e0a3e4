/**
 * Compares the sockets of other plugins with that of this plugin and with each other.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import type { KmsPluginSettings } from "../../provider/kms_plugin/settings.ts";
import type { Files } from "../files.ts";
import type { FieldPath } from "../../base/yaml_positions.ts";
import { pathText } from "../problems.ts";
import type { PlacedSettings, Surroundings } from "./common.ts";

/**
 * Reports a plugin that is its own KMS, which would wait for itself for ever, and a plugin that is configured twice.
 * Both are also detected under other paths: through a link, or a folder that is mounted twice.
 */
export async function checkPluginSockets(
  placed: readonly PlacedSettings<KmsPluginSettings>[],
  { socket: own, files, validator }: Surroundings,
): Promise<void> {
  const seen: { readonly path: FieldPath; readonly socket: string }[] = [];
  for (const { list, index, settings: { socket } } of placed) {
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

/** Whether two paths lead to the same socket, or will once it exists. */
async function isSame(one: string, other: string, files: Files): Promise<boolean> {
  if (one === other) return true;
  if (await haveOneIdentity(one, other, files)) return true;
  return basename(one) === basename(other) && await haveOneIdentity(dirname(one), dirname(other), files);
}

async function haveOneIdentity(one: string, other: string, files: Files): Promise<boolean> {
  const [a, b] = await Promise.all([files.identity(one), files.identity(other)]);
  return a !== undefined && a === b;
}

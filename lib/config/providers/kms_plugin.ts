/**
 * `kind: kms-plugin`: any process that serves KMS v2 on a Unix socket.
 *
 * @module
 */
import type * as z from "zod/mini";
import { utf8 } from "../../base/bytes.ts";
import type { KmsPluginSettings } from "../../provider/kms_plugin/settings.ts";
import { section, tag, text } from "../fields.ts";
import { isAbstract, maxSocketPath, pathOfEndpoint } from "../socket_path.ts";
import { commonFields, type ConfigValidator } from "./common.ts";

const complaint = "must be the absolute path of a socket, as in /run/hsm/kms.sock or unix:///run/hsm/kms.sock";

const abstract =
  "is an abstract socket, on which any process may answer in the plugin's place; give the plugin a path below /run";

/** The schema of the entry. */
export const kmsPluginSchema = section("Another KMS plugin: a vendor's, your own, or a second Trousseau.", {
  kind: tag("Another KMS plugin.", "kms-plugin"),
  ...commonFields,
  socket: text(
    "The socket on which it serves KMS v2, below /run, /var/run or /var/lib/trousseau: its path, or unix:// and the path.",
    // deno-lint-ignore no-control-regex
    /^(unix:\/\/)?\/[^/\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$/,
    complaint,
  ),
});

/** The provider's settings. */
export async function kmsPluginSettings(
  raw: z.infer<typeof kmsPluginSchema>,
  validator: ConfigValidator,
): Promise<KmsPluginSettings> {
  const written = raw.socket.startsWith("/") ? pathAlone(raw.socket) : pathOfEndpoint(raw.socket);
  const socket = validator.absolute(written ?? "");
  if (isAbstract(raw.socket)) validator.complain(["socket"], abstract);
  else if (written === undefined) validator.complain(["socket"], complaint);
  else if (utf8(socket).length > maxSocketPath) {
    validator.complain(["socket"], `has more than ${maxSocketPath} bytes, all that a socket's path can have`);
  } else await validator.reachable(["socket"], socket);
  return { kind: raw.kind, name: raw.name, socket };
}

function pathAlone(path: string): string | undefined {
  return path.endsWith("/") ? undefined : path;
}

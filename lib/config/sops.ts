/**
 * `sops`: the address of `trousseau sops`, and the keys that files can name.
 *
 * @module
 */
import * as z from "zod/mini";
import type { Config, SopsKeyConfig } from "./config.ts";
import { defaults, defaultWrap, sopsSocketPath } from "./defaults.ts";
import type { Environment } from "./environment.ts";
import { flag, listen, path, section, text } from "./fields.ts";
import type { Files } from "./files.ts";
import { type ConfigValidator, providerName } from "./providers/common.ts";
import type { ProviderLists } from "./provider_lists.ts";
import { accessOf, socketFields, socketOf, socketPathIn, wrapComplaintOf, wrapField } from "./socket_fields.ts";

const keyName = text(
  "The last word of hc_vault_transit_uri, such as default: it is bound to every file, so it never changes.",
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  "must be 1 to 63 lowercase letters, digits and -, with - neither first nor last",
);

const key = section("A key that files may name.", {
  name: keyName,
  providers: z.exactOptional(
    z.array(providerName("The name of one of the providers."), "must be a list of providers' names").check(
      z.minLength(1, "must name a provider"),
      z.maxLength(8, "must be at most 8 names"),
      z.describe("Which providers wrap a file's data key, by name. Default: all of them."),
    ),
  ),
  wrap: z.exactOptional(
    wrapField("How many of them must wrap it: all, any (one), or a number. Default: as wrap above says, if it can."),
  ),
});

/** The schema of the section. */
export const sopsSchema = section("The key service for SOPS, which trousseau sops serves.", {
  socket: z.prefault(
    section("The Unix socket that sops connects to. A process that may connect to it may decrypt every file.", {
      path: z.exactOptional(
        path(
          "The path of the socket, or unix:// and the path. Default: $XDG_RUNTIME_DIR/trousseau/sops.sock, else sops.sock beside the plugin's socket.",
          "path, or unix:// and a path",
        ),
      ),
      ...socketFields("sops"),
    }),
    {},
  ),
  listen: z.prefault(
    listen("Address and port of its own /livez, /readyz and /metrics over HTTP, such as 127.0.0.1:8091, or off."),
    defaults.sops.listen,
  ),
  audit: z._default(
    path(
      "Where each Encrypt and Decrypt of a file's data key is noted: stdout, off, or a file other than the plugin's.",
      "stdout, off, or a path",
    ),
    defaults.sops.audit,
  ),
  decryptOnly: z._default(
    flag("Whether Encrypt is refused here, as for a controller whose logins may only unwrap."),
    defaults.sops.decryptOnly,
  ),
  keys: z._default(
    z.array(key, "must be a list of keys").check(
      z.minLength(1, "is empty; files have to name a key"),
      z.maxLength(64, "must be at most 64 keys"),
      z.describe("The keys that files may name; a file that names another one is refused."),
    ),
    [{ name: defaults.sops.key }],
  ),
});

type Written = z.infer<typeof sopsSchema>;

/** The parts of a configuration that the section depends on. */
interface Shaped extends Pick<ProviderLists, "providers"> {
  readonly config: {
    readonly sops: Written;
    readonly wrap?: Config["wrap"];
    readonly socket: { readonly path: string };
    readonly telemetry: { readonly audit: string };
  };
}

/** Validates the section. Reports duplicate keys, and providers that do not exist. */
export async function sopsConfig(
  shaped: Shaped,
  environment: Environment,
  files: Files,
  validator: ConfigValidator,
): Promise<Config["sops"]> {
  const { config } = shaped;
  const written = config.sops;
  const inSocket = validator.within("socket");
  const { path } = written.socket;
  return {
    // A default path is checked only by the command that serves there, so that it does not prevent another command from
    // starting.
    socket: path === undefined
      ? {
        path: await sopsSocketPath(socketPathIn(config.socket.path, validator), environment, files),
        ...await accessOf(written.socket, files, inSocket),
      }
      : await socketOf({ ...written.socket, path }, files, inSocket),
    listen: written.listen,
    audit: await auditOf(written.audit, config.telemetry.audit, validator),
    decryptOnly: written.decryptOnly,
    keys: written.keys.map((one, index) => keyOf(one, index, shaped, validator.within("keys"))),
  };
}

async function auditOf(written: string, plugins: string, validator: ConfigValidator): Promise<string | undefined> {
  if (written === "off") return undefined;
  if (written === "stdout") return written;
  if (validator.absolute(written) === validator.absolute(plugins)) {
    validator.complain(["audit"], "is the plugin's own audit file; the two would be mixed");
  }
  return await validator.writable(["audit"], written);
}

function keyOf(
  written: Written["keys"][number],
  index: number,
  shaped: Shaped,
  validator: ConfigValidator,
): SopsKeyConfig {
  const { config: { sops, wrap }, providers: { names } } = shaped;
  const { name } = written;
  if (sops.keys.findIndex((one) => one.name === name) < index) validator.complain([index, "name"], "duplicate name");
  const known = names.flatMap(({ name }) => name ?? []);
  const chosen = written.providers ?? known;
  written.providers?.forEach((one, at) => {
    if (!known.includes(one)) validator.complain([index, "providers", at], "no provider has this name");
    else if (chosen.indexOf(one) < at) validator.complain([index, "providers", at], "stands in the list twice");
  });
  const complaint = written.wrap === undefined ? undefined : wrapComplaintOf(written.wrap, chosen.length);
  if (complaint !== undefined) validator.complain([index, "wrap"], complaint);
  return { name, providers: chosen, wrap: written.wrap ?? inherited(wrap, chosen.length) };
}

/** The quorum of all providers, limited to the number of this key's providers. */
function inherited(wrap: Shaped["config"]["wrap"], count: number): SopsKeyConfig["wrap"] {
  const wanted = wrap ?? defaultWrap(count);
  return typeof wanted === "number" ? Math.min(wanted, Math.max(1, count)) : wanted;
}

/**
 * Addresses of Vault in the configuration: an origin, an origin with a path, or the Unix socket of an agent.
 *
 * @module
 */
import { utf8 } from "../base/bytes.ts";
import { parseOrigin } from "./addresses.ts";
import { maxSocketPath } from "./socket_path.ts";

/** A path segment without characters that a server, a proxy or a file system could interpret. */
const segment = "[A-Za-z0-9_~-][A-Za-z0-9_.~-]*";

/** The part after the origin of an address; one trailing slash is accepted. */
const prefixPattern = new RegExp(`^(/${segment})*/?$`);

/** The folders in which the compiled program has permission to connect to a socket. */
const socketPattern = new RegExp(`^unix:///(var/)?run(/${segment})+$`);

const noAddress =
  "must be an address such as https://vault.example:8200, https://example.com/vault or unix:///run/vault/agent.sock";

/** For the JSON Schema. */
export const vaultAddressPattern = new RegExp(
  `^(https?://[^/?#@\\\\\\s]+(/${segment})*/?|unix:///(var/)?run(/${segment})+)$`,
);

/**
 * The address in its canonical form, without a trailing slash, or the reason why the text is not an address, as the end
 * of a sentence. The text is not repeated, because it can contain a password.
 */
export function parseVaultAddress(text: string): { readonly address: string } | { readonly complaint: string } {
  if (text.startsWith("unix:")) return parseSocket(text);
  const [, scheme = "", rest = ""] = /^(https?:\/\/[^/?#\\]*)(.*)$/s.exec(text) ?? [];
  if (scheme === "") return { complaint: noAddress };
  const origin = parseOrigin(scheme);
  if ("complaint" in origin) return URL.canParse(scheme) ? origin : { complaint: noAddress };
  if (/[?#]/.test(rest)) return { complaint: "must not have a query or a fragment" };
  if (!prefixPattern.test(rest)) {
    return { complaint: "must have a plain path such as /vault: no empty segment, no . or .. and no escapes" };
  }
  const prefix = rest.replace(/\/$/, "");
  if (/\/v1$/.test(prefix)) return { complaint: "must not end in /v1, which is added to it" };
  if (/\/ui$/.test(prefix)) return { complaint: "must not end in /ui, where Vault's web pages are and not its API" };
  return { address: `${origin.origin}${prefix}` };
}

function parseSocket(text: string): { readonly address: string } | { readonly complaint: string } {
  if (!socketPattern.test(text)) {
    return {
      complaint: "must be a socket below /run or /var/run, such as unix:///run/vault/agent.sock; " +
        "Trousseau's permissions reach no other",
    };
  }
  return utf8(text.slice("unix://".length)).length > maxSocketPath
    ? { complaint: `must have a path of at most ${maxSocketPath} bytes, all that a socket can have` }
    : { address: text };
}

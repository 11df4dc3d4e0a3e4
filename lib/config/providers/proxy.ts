/**
 * `proxy:` of the providers that are reached over HTTPS.
 *
 * @module
 */
import * as z from "zod/mini";
import type { ProxySettings } from "../../net/https/proxy.ts";
import { isThisMachine } from "../../net/https/proxy.ts";
import { secret, section, text } from "../fields.ts";
import type { ConfigValidator } from "./common.ts";

/** The schema of the field. */
export const proxySchema = section(
  "A proxy (CONNECT) for every server of this provider beyond this machine. None is taken from the environment.",
  {
    address: text(
      "Where it is, such as http://proxy.example:3128. TLS with the server goes through it unread.",
      /^https?:\/\/[^/?#@\\\s]+\/?$/,
      "must be an origin such as http://proxy.example:3128, without a user name",
    ),
    username: z.exactOptional(
      text(
        "The user name for a login (Basic) at the proxy; it needs password.",
        /^[\x21-\x39\x3b-\x7e]{1,255}$/,
        "must be a user name without spaces and :",
      ),
    ),
    password: z.exactOptional(secret("The password for that login.")),
  },
);

/** The proxy's part of a provider's settings; empty without a proxy. */
export async function proxySettings(
  raw: z.infer<typeof proxySchema> | undefined,
  validator: ConfigValidator,
): Promise<{ readonly proxy?: ProxySettings }> {
  if (raw === undefined) return {};
  const { address, username, password } = raw;
  if (!URL.canParse(address)) {
    validator.complain(["address"], "must be an origin such as http://proxy.example:3128");
    return {};
  }
  const url = new URL(address);
  if (username === undefined && password === undefined) return { proxy: { address: url.origin } };
  if (username === undefined) validator.complain(["password"], "needs username too");
  if (password === undefined) validator.complain(["username"], "needs password too");
  if (url.protocol === "http:" && !isThisMachine(url.hostname.replace(/^\[|\]$/g, ""))) {
    validator.complain(
      ["address"],
      "must begin with https:// where there is a password, which would cross the network readable",
    );
  }
  if (username === undefined || password === undefined) return {};
  return {
    proxy: { address: url.origin, login: { username, password: await validator.secret(["password"], password) } },
  };
}

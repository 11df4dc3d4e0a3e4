/**
 * Routes of Vault's API that clients call and that are not answered, each with the sentence that says what to do instead.
 *
 * @module
 */

/** A route that is refused. */
export interface RefusedVaultRoute {
  /** Below `/v1/`; `*` at the end stands for any path. */
  readonly path: string;
  /** The sentence. */
  readonly why: string;
}

const otherToken =
  "Only the token of the request is shown, renewed and revoked here; leave the token out, or use clectl token revoke ID.";

/**
 * The refused routes; the first one that fits counts.
 *
 * @param mount the one mount, for instance `secret`.
 */
export function refusedVaultRoutes(mount: string): readonly RefusedVaultRoute[] {
  return [
    {
      path: "auth/token/create/*",
      why:
        "The keyring makes no child tokens; set skip_child_token = true in Terraform's provider, or take a token of clectl token create.",
    },
    { path: "auth/token/*", why: otherToken },
    {
      path: "auth/*",
      why: "This login is not supported; log in by kubernetes, jwt or cert, each under its own name, or take a token.",
    },
    { path: "sys/wrapping/*", why: "Response wrapping is not supported; read the secret itself." },
    { path: "sys/capabilities-self", why: "Capabilities are not answered; ask clectl can VERB PATH." },
    { path: "sys/mounts/*", why: "The only mount is keyring.kvMount in the configuration of the server." },
    { path: `${mount}/config`, why: "The settings of the mount cannot be changed." },
    { path: `${mount}/subkeys/*`, why: "Subkeys are not answered; read the secret itself below data/." },
    {
      path: `${mount}/*`,
      why:
        "The mount is a KV version 2, with the paths data/, metadata/, delete/, undelete/ and destroy/; set version 2 in the client.",
    },
    { path: "*", why: "unsupported operation: this server answers a subset of the KV version 2 API" },
  ];
}

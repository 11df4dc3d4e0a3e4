/**
 * The address of an API server and the credentials for it.
 *
 * @module
 */
import type { SecretSource } from "../../base/secret.ts";

/** Address of the API server, with the credentials for it. Texts are PEM. */
export interface ClusterAccess {
  /** Where it comes from, for messages: the path of a kubeconfig, or `the ServiceAccount of this pod`. */
  readonly source: string;
  /** An `https:` URL, with a path if several clusters share a host. */
  readonly server: URL;
  /** The name expected in the server's certificate, if it differs from the URL's host. */
  readonly serverName: string | undefined;
  /** CA certificates; `undefined`: the system's. */
  readonly ca: string | undefined;
  /** Client certificate. */
  readonly certificate: string | undefined;
  /** Private key of the client certificate. */
  readonly key: string | undefined;
  /** Bearer token. It is read at each request, since the token of a file is replaced before it expires. */
  readonly token: SecretSource | undefined;
}

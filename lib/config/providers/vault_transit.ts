/**
 * `kind: vault-transit`: a transit key in HashiCorp Vault or OpenBao.
 *
 * @module
 */
import * as z from "zod/mini";
import { addressOf } from "../../net/https/address.ts";
import { isThisMachine } from "../../net/https/proxy.ts";
import type { AgentAuth, VaultAuth, VaultTls, VaultTransitSettings } from "../../provider/vault_transit/settings.ts";
import { flag, openOrSecret, path, secret, section, tag, text, variants, vaultAddress } from "../fields.ts";
import { fileSource } from "../secrets.ts";
import { commonFields, type ConfigValidator } from "./common.ts";
import { proxySchema, proxySettings } from "./proxy.ts";

/** The path at which Kubernetes mounts the token of a pod's ServiceAccount. */
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

// A mount path without segments that a server could interpret as another path.
const mountPattern = /^\/?[A-Za-z0-9_-][A-Za-z0-9_.-]*(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\/?$/;

function mount(description: string) {
  const written = text(description, mountPattern, "must be a path of letters, digits, _, - and ., such as transit");
  return z.pipe(written, z.transform((value) => value.replace(/^\/|\/$/g, "")));
}

function words(description: string) {
  // deno-lint-ignore no-control-regex
  return text(description, /^[^\u0000-\u001f\u007f]{1,512}$/, "must be a text on one line");
}

const role = words("The role to log in with, such as trousseau.");

function authMount(method: string) {
  return z.prefault(mount("The path of the auth method, without auth/."), method);
}

/** The fields of a secret that can be supplied in a response-wrapping token. */
function wrapping(field: "token" | "secretId") {
  const content = field === "token" ? "token" : "secret ID";
  return {
    wrapped: z._default(
      flag(`Whether ${field} holds a response-wrapping token instead of the ${content} itself. It serves one start.`),
      false,
    ),
    keepUnwrapped: z._default(
      flag(
        `Whether the unwrapped ${content} is kept in the state folder (0600), so that later starts need no new one.`,
      ),
      false,
    ),
  };
}

const auths = {
  token: section(
    "A token from elsewhere. It is renewed while it can be; past its maximum TTL a new one must be put there.",
    {
      method: tag("With a token.", "token"),
      token: secret("The token, such as { file: /etc/trousseau/token }."),
      ...wrapping("token"),
    },
  ),
  approle: section("AppRole: a role ID, and a secret ID unless the role wants none.", {
    method: tag("With AppRole.", "approle"),
    mount: authMount("approle"),
    roleId: openOrSecret(
      "The role ID, such as { file: /etc/trousseau/role-id }. It is no secret beside a secret ID and may be written out.",
    ),
    secretId: z.exactOptional(
      secret(
        "The secret ID, such as { file: /etc/trousseau/secret-id }. Leave it out for a role with bind_secret_id=false, whose only secret is the role ID then.",
      ),
    ),
    ...wrapping("secretId"),
  }),
  kubernetes: section("A ServiceAccount's token, which Vault has Kubernetes review.", {
    method: tag("With a ServiceAccount's token.", "kubernetes"),
    mount: authMount("kubernetes"),
    role,
    jwt: z.exactOptional(secret(`The ServiceAccount's token. Default: ${serviceAccountToken}.`)),
  }),
  jwt: section("A JWT that Vault checks by itself.", {
    method: tag("With a JWT.", "jwt"),
    mount: authMount("jwt"),
    role,
    jwt: secret("The JWT, such as { file: /etc/trousseau/jwt }."),
  }),
  cert: section("The client certificate named under tls.", {
    method: tag("With the client certificate.", "cert"),
    mount: authMount("cert"),
    role: z.exactOptional(words("The certificate role; without it Vault tries all of them.")),
  }),
  userpass: section("A user name and a password.", {
    method: tag("With a password.", "userpass"),
    mount: authMount("userpass"),
    username: text(
      "The user's name, such as trousseau.",
      /^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$/,
      "must be a user name of letters, digits and _ . @ + -",
    ),
    password: secret("The password, such as { file: /etc/trousseau/password }."),
  }),
  agent: section("No login: a Vault agent or proxy on this machine adds its own token to each request.", {
    method: tag("By a Vault agent or proxy.", "agent"),
  }),
} as const satisfies { readonly [Method in (VaultAuth | AgentAuth)["method"]]: z.core.$ZodTypeDiscriminable };

/** The schema of the entry. */
export const vaultTransitSchema = section("A transit key in HashiCorp Vault or OpenBao.", {
  kind: tag("HashiCorp Vault or OpenBao.", "vault-transit"),
  ...commonFields,
  address: z.exactOptional(
    vaultAddress(
      "Where Vault is, such as https://vault.example:8200, https://example.com/vault where all of its API is below a " +
        "path, or unix:///run/vault/agent.sock for an agent. Either this or addresses.",
    ),
  ),
  addresses: z.exactOptional(
    z.array(
      vaultAddress("Where a server of the cluster is, such as https://vault-1.example:8200."),
      "must be a list of addresses",
    ).check(
      z.minLength(1, "must have an address"),
      z.maxLength(8, "must be at most 8 addresses"),
      z.describe("Several servers of one Vault, tried in turn. Either this or address."),
    ),
  ),
  namespace: z.exactOptional(mount("The namespace of Vault Enterprise or OpenBao, such as platform/kubernetes.")),
  mount: z.prefault(mount("The path of the transit engine."), "transit"),
  key: text(
    "The transit key's name, such as kubernetes.",
    /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/,
    "must be a key's name of letters, digits, _, - and .",
  ),
  auth: variants("method", auths).check(z.describe("How to log in.")),
  proxy: z.exactOptional(proxySchema),
  tls: z.prefault(
    section("How to trust the server, and how to be known to it.", {
      caFile: z.exactOptional(path("The file of the authorities (PEM) to trust, instead of the system's.")),
      serverName: z.exactOptional(
        text(
          "The name to expect in the server's certificate instead of the address's host, such as vault.example.com.",
          /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
          "must be a host's name",
        ),
      ),
      certificateFile: z.exactOptional(path("The client certificate (PEM) with its chain. It needs keyFile.")),
      keyFile: z.exactOptional(path("The client certificate's private key (PEM).")),
    }),
    {},
  ),
});

type Raw = z.infer<typeof vaultTransitSchema>;

/** The provider's settings. */
export async function vaultTransitSettings(raw: Raw, validator: ConfigValidator): Promise<VaultTransitSettings> {
  const addresses = vaultAddresses(raw, validator);
  if (raw.auth.method === "cert") checkCertificateLogin(raw, addresses, validator);
  if (raw.auth.method === "agent") checkAgent(addresses, validator);
  return {
    kind: raw.kind,
    name: raw.name,
    addresses,
    ...(raw.namespace === undefined ? {} : { namespace: raw.namespace }),
    mount: raw.mount,
    key: raw.key,
    auth: await vaultAuth(raw.auth, validator.within("auth")),
    tls: {
      ...await vaultTls(raw.tls, validator.within("tls")),
      ...await proxySettings(raw.proxy, validator.within("proxy")),
    },
  };
}

function vaultAddresses(raw: Raw, validator: ConfigValidator): readonly string[] {
  if (raw.address !== undefined && raw.addresses !== undefined) {
    validator.complain(["addresses"], "address is given too; write one of the two");
  }
  if (raw.address === undefined && raw.addresses === undefined) validator.complain(["address"], "is missing");
  const addresses = raw.addresses ?? [raw.address ?? ""];
  addresses.forEach((address, index) => {
    if (addresses.indexOf(address) < index) validator.complain(["addresses", index], "stands in the list twice");
  });
  return addresses;
}

function checkCertificateLogin(raw: Raw, addresses: readonly string[], validator: ConfigValidator): void {
  if (raw.tls.certificateFile === undefined) {
    validator.complain(["auth", "method"], "cert needs tls.certificateFile and tls.keyFile");
  }
  if (addresses.some((address) => !address.startsWith("https:"))) {
    validator.complain(["auth", "method"], "cert needs addresses that begin with https://");
  }
}

/** Reports an agent that is not on this machine: any client that can connect to it can use the key. */
function checkAgent(addresses: readonly string[], validator: ConfigValidator): void {
  const isLocal = (address: string) => {
    const { socketPath, host } = addressOf(address);
    return socketPath !== undefined || isThisMachine(host);
  };
  if (addresses.every((address) => address === "" || isLocal(address))) return;
  validator.complain(
    ["auth", "method"],
    "agent needs addresses of this machine, such as unix:///run/vault/agent.sock or http://127.0.0.1:8100",
  );
}

async function vaultAuth(raw: Raw["auth"], validator: ConfigValidator): Promise<VaultAuth | AgentAuth> {
  if ("mount" in raw) checkAuthMount(raw, validator);
  if ("wrapped" in raw) checkWrapping(raw, validator);
  switch (raw.method) {
    case "token":
      return { ...raw, token: await validator.secret(["token"], raw.token) };
    case "approle":
      return await appRole(raw, validator);
    case "kubernetes":
      return {
        ...raw,
        jwt: raw.jwt === undefined
          ? fileSource(await validator.file(["jwt"], serviceAccountToken))
          : await validator.secret(["jwt"], raw.jwt),
      };
    case "jwt":
      return { ...raw, jwt: await validator.secret(["jwt"], raw.jwt) };
    case "userpass":
      return { ...raw, password: await validator.secret(["password"], raw.password) };
    case "cert":
    case "agent":
      return raw;
  }
}

async function appRole(
  { secretId, ...raw }: Extract<Raw["auth"], { method: "approle" }>,
  validator: ConfigValidator,
): Promise<VaultAuth> {
  return {
    ...raw,
    roleId: await validator.openOrSecret(["roleId"], raw.roleId),
    ...(secretId === undefined ? {} : { secretId: await validator.secret(["secretId"], secretId) }),
  };
}

/**
 * Refuses the prefix `auth/`: with it, logins would go to `auth/auth/x/login`. It is not removed silently, because
 * Vault also accepts `auth/x` as the path of a mount.
 */
function checkAuthMount(
  { method, mount }: { readonly method: string; readonly mount: string },
  validator: ConfigValidator,
): void {
  if (!mount.startsWith("auth/")) return;
  const right = mount === `auth/${method}` ? `write ${method}` : "write the rest of it alone";
  validator.complain(["mount"], `must be without auth/ at its beginning; ${right}`);
}

function checkWrapping(raw: Extract<Raw["auth"], { wrapped: boolean }>, validator: ConfigValidator): void {
  if (raw.method === "approle" && raw.wrapped && raw.secretId === undefined) {
    validator.complain(["wrapped"], "needs secretId, which holds the wrapping token");
  }
  if (raw.keepUnwrapped && !raw.wrapped) validator.complain(["keepUnwrapped"], "needs wrapped: true");
}

async function vaultTls(raw: Raw["tls"], validator: ConfigValidator): Promise<VaultTls> {
  const { caFile, serverName, certificateFile, keyFile } = raw;
  if (certificateFile !== undefined && keyFile === undefined) {
    validator.complain(["certificateFile"], "needs keyFile too");
  }
  if (keyFile !== undefined && certificateFile === undefined) {
    validator.complain(["keyFile"], "needs certificateFile too");
  }
  return {
    ...(serverName === undefined ? {} : { serverName }),
    ...(caFile === undefined ? {} : { caFile: await validator.file(["caFile"], caFile, "public") }),
    ...(certificateFile === undefined
      ? {}
      : { certificateFile: await validator.file(["certificateFile"], certificateFile, "public") }),
    ...(keyFile === undefined ? {} : { keyFile: await validator.file(["keyFile"], keyFile) }),
  };
}

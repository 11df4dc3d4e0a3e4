/**
 * `keyring`: the store, the sockets and the logins of `trousseau keyring serve`.
 *
 * @module
 */
import { dirname, join } from "node:path";
import * as z from "zod/mini";
import { parseListen } from "./addresses.ts";
import type { KeyringConfig, KeyringIssuerConfig, KeyringStoreConfig } from "./config.ts";
import { defaults, stateFolderOf } from "./defaults.ts";
import type { Environment } from "./environment.ts";
import { issuerDefaults, type JwtAlgorithm, jwtAlgorithms } from "../services/keyring/identity/settings.ts";
import { account, duration, listen, oneOf, origin, path, secret, section, text } from "./fields.ts";
import type { Files } from "./files.ts";
import { type ConfigValidator, providerName } from "./providers/common.ts";
import { accessOf, placeOfSocket, socketOf } from "./socket_fields.ts";

const listenComplaint = "must be an address and a port such as 127.0.0.1:8300, or none";

/** Host and port, or `none`, whose output is `undefined`. */
const listenOrNone = z.pipe(
  z.string({ error: () => listenComplaint }).check(
    z.refine((value) => value === "none" || value === "off" || parseListen(value) !== undefined, listenComplaint),
    z.meta({
      title: "address and port, or none",
      description: "Address and port of the API over TLS 1.3. With none, the Unix sockets alone are served.",
    }),
  ),
  z.transform((value) => parseListen(value)),
);

const hostName = text(
  "A name or an IP address by which clients reach the server, such as keyring.example.com.",
  /^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9:])?$/,
  "must be a host's name or an IP address",
);

const socketEntry = section("A Unix socket for one program or one group; who may connect has its identity.", {
  name: providerName("The name of the identity, which roles of the policy name as socket."),
  path: z.exactOptional(path("The path of the socket. Default: clients/NAME/keyring.sock beside the admin folder.")),
  owner: z.exactOptional(account("The user that owns the socket. Default: the user that runs the server.")),
  group: z.exactOptional(account("The group that may connect.")),
});

const audience = text(
  "The audience that a token must be made for, such as trousseau.",
  /^[\x21-\x7e]{1,255}$/,
  "must be a text without spaces",
);

const issuers = z.array(
  section("An issuer of tokens whose holders may log in.", {
    name: providerName("Your name for it, such as prod or github: roles name it, and the audit shows it."),
    kind: oneOf(
      "Whether the cluster's TokenReview is asked (kubernetes), or the signature is verified with the issuer's keys (oidc).",
      [
        "kubernetes",
        "oidc",
      ],
    ),
    url: origin("The API server, such as https://10.0.0.1:6443, or the issuer, such as https://idp.example."),
    caFile: z.exactOptional(path("The file of the authorities (PEM) to trust, instead of the system's.")),
    audience,
    token: z.exactOptional(secret("Of a cluster: the token with which the TokenReview is asked for.")),
    issuer: z.exactOptional(
      text("Of an OIDC issuer: the iss of its tokens, if it is not url.", /^[\x21-\x7e]{1,512}$/, "must be a URL"),
    ),
    jwksFile: z.exactOptional(path("Of an OIDC issuer: a file of its public keys (JWKS), instead of asking it.")),
    jwksUrl: z.exactOptional(
      text(
        "Of an OIDC issuer: where its public keys (JWKS) are, instead of the address in its discovery document.",
        /^https:\/\/[\x21-\x7e]{1,500}$/,
        "must begin with https://",
      ),
    ),
    algorithms: z.exactOptional(
      z.array(
        oneOf("An algorithm of its signatures.", Object.keys(jwtAlgorithms) as [JwtAlgorithm, ...JwtAlgorithm[]]),
        "must be a list of algorithms",
      ).check(
        z.minLength(1, "must have an algorithm"),
        z.maxLength(10, "must be at most 10 algorithms"),
        z.describe("Of an OIDC issuer: the algorithms of its signatures. Default: RS256 and ES256."),
      ),
    ),
    maxLifetime: z.exactOptional(
      duration("Of an OIDC issuer: the longest time from iat to exp of its tokens. Default: 1h.", "1m", "24h"),
    ),
  }),
  "must be a list of issuers",
).check(
  z.maxLength(16, "must be at most 16 issuers"),
  z.describe("Issuers of tokens whose holders may log in, at most 16."),
);

const etcd = section("An etcd of its own, for several servers of one keyring.", {
  endpoints: z.array(origin("Where a member is, such as https://etcd-1.example:2379."), "must be a list of addresses")
    .check(
      z.minLength(1, "must have an address"),
      z.maxLength(8, "must be at most 8 addresses"),
      z.describe("The members of the cluster, tried in turn."),
    ),
  prefix: z._default(
    text("What the keys begin with.", /^[\x21-\x7e]{1,128}$/, "must be a text without spaces, such as /trousseau/"),
    defaults.keyring.etcdPrefix,
  ),
  caFile: z.exactOptional(path("The file of the authorities (PEM) to trust, instead of the system's.")),
  certificateFile: z.exactOptional(path("The client certificate (PEM). It needs keyFile.")),
  keyFile: z.exactOptional(path("The client certificate's private key (PEM).")),
  username: z.exactOptional(text("The user, if etcd has authentication on.", /^[\x21-\x7e]{1,128}$/, "must be a name")),
  password: z.exactOptional(secret("The user's password.")),
});

/** The schema of the section. */
export const keyringSchema = section("The keyring, which trousseau keyring serve serves.", {
  store: z.exactOptional(
    path(`The folder of the embedded store. Default: ${defaults.keyring.state}/store. Either this or etcd.`),
  ),
  etcd: z.exactOptional(etcd),
  state: z.exactOptional(
    path(
      `The folder of the server's own files, such as its TLS key. Default: $STATE_DIRECTORY, else the folder of store.`,
    ),
  ),
  adminSocket: z._default(
    path("The Unix socket of the administrator. A process that may connect to it has every right."),
    defaults.keyring.adminSocket,
  ),
  sockets: z._default(
    z.array(socketEntry, "must be a list of sockets").check(
      z.maxLength(32, "must be at most 32 sockets"),
      z.describe("Further Unix sockets, each with an identity of its own, at most 32."),
    ),
    [],
  ),
  listen: z.prefault(listenOrNone, defaults.keyring.listen),
  tls: z.prefault(
    section("The server's certificate. Without files the store's own authority issues it.", {
      names: z._default(
        z.array(hostName, "must be a list of names").check(
          z.maxLength(32, "must be at most 32 names"),
          z.describe("Names in the certificate that the store's authority issues, beside localhost."),
        ),
        [],
      ),
      certificateFile: z.exactOptional(path("A certificate (PEM) with its chain, from another authority.")),
      keyFile: z.exactOptional(path("Its private key (PEM).")),
    }),
    {},
  ),
  issuers: z._default(issuers, []),
  audit: z.exactOptional(
    path("The file of the chained audit. Default: audit.jsonl in the folder of state."),
  ),
  auditFailure: z._default(
    oneOf("What happens to requests while the audit cannot be written: they are refused, or they continue.", [
      "refuse",
      "continue",
    ]),
    defaults.keyring.auditFailure,
  ),
  metrics: z.prefault(
    listen("Address and port of /livez, /readyz and /metrics over HTTP, such as 127.0.0.1:8301, or off."),
    defaults.keyring.metrics,
  ),
  kvMount: z._default(
    text(
      "The mount of the API of Vault's KV version 2.",
      /^[A-Za-z0-9_-]{1,64}$/,
      "must be letters, digits, _ and -, such as secret",
    ),
    defaults.keyring.kvMount,
  ),
});

type WrittenKeyring = z.infer<typeof keyringSchema>;

/** Validates the section. Defaults are not checked, so that they do not keep another command from starting. */
export async function keyringConfig(
  written: WrittenKeyring,
  environment: Environment,
  files: Files,
  validator: ConfigValidator,
): Promise<KeyringConfig> {
  const store = await storeOf(written, validator);
  const stateDefault = stateFolderOf(environment) ??
    (store.kind === "embedded" && written.store !== undefined ? store.folder : defaults.keyring.state);
  const state = written.state === undefined ? stateDefault : await validator.writable(["state"], written.state);
  const adminSocket = written.adminSocket === defaults.keyring.adminSocket
    ? written.adminSocket
    : await placeOfSocket("adminSocket", written.adminSocket, validator);
  return {
    isWritten: false,
    store,
    state,
    adminSocket: { path: adminSocket, mode: 0o600, owner: undefined, group: undefined },
    sockets: await socketsOf(written, adminSocket, files, validator),
    listen: written.listen,
    tls: {
      names: written.tls.names,
      files: await tlsFilesOf(written.tls, validator.within("tls")),
    },
    issuers: await issuersOf(written, validator.within("issuers")),
    audit: written.audit === undefined
      ? join(state, "audit.jsonl")
      : await validator.writable(["audit"], written.audit),
    auditFailure: written.auditFailure,
    metrics: written.metrics,
    kvMount: written.kvMount,
  };
}

async function storeOf(written: WrittenKeyring, validator: ConfigValidator): Promise<KeyringStoreConfig> {
  if (written.etcd === undefined) {
    const folder = written.store === undefined
      ? `${defaults.keyring.state}/store`
      : await validator.writable(["store"], written.store);
    return { kind: "embedded", folder };
  }
  if (written.store !== undefined) validator.complain(["store"], "stands beside etcd; a keyring has one store");
  const { endpoints, prefix, username, caFile, certificateFile, keyFile, password } = written.etcd;
  const within = validator.within("etcd");
  const file = async (field: string, name: string | undefined, kind: "public" | "credential") =>
    name === undefined ? undefined : await within.file([field], name, kind);
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    within.complain([certificateFile === undefined ? "keyFile" : "certificateFile"], "needs the other one of the pair");
  }
  if ((username === undefined) !== (password === undefined)) {
    within.complain([username === undefined ? "password" : "username"], "needs the other one of the pair");
  }
  return {
    kind: "etcd",
    endpoints,
    prefix,
    caFile: await file("caFile", caFile, "public"),
    certificateFile: await file("certificateFile", certificateFile, "public"),
    keyFile: await file("keyFile", keyFile, "credential"),
    username,
    password: password === undefined ? undefined : await within.secret(["password"], password),
  };
}

async function socketsOf(
  { sockets }: WrittenKeyring,
  adminSocket: string,
  files: Files,
  validator: ConfigValidator,
): Promise<KeyringConfig["sockets"]> {
  const found: KeyringConfig["sockets"][number][] = [];
  for (const [index, { name, path, ...access }] of sockets.entries()) {
    const within = validator.within("sockets", index);
    if (sockets.findIndex((one) => one.name === name) < index) within.complain(["name"], "duplicate name");
    if (name === "admin") within.complain(["name"], "is the name of adminSocket; take another one");
    const written = { ...access, mode: 0o660 };
    const socket = path === undefined
      ? {
        path: join(dirname(dirname(adminSocket)), "clients", name, "keyring.sock"),
        ...await accessOf(written, files, within),
      }
      : await socketOf({ ...written, path }, files, within);
    found.push({ name, socket });
  }
  return found;
}

async function tlsFilesOf(
  { certificateFile, keyFile }: WrittenKeyring["tls"],
  validator: ConfigValidator,
): Promise<KeyringConfig["tls"]["files"]> {
  if (certificateFile === undefined && keyFile === undefined) return undefined;
  if (certificateFile === undefined || keyFile === undefined) {
    validator.complain(
      [certificateFile === undefined ? "keyFile" : "certificateFile"],
      "needs the other one of the pair",
    );
    return undefined;
  }
  return {
    certificateFile: await validator.file(["certificateFile"], certificateFile, "public"),
    keyFile: await validator.file(["keyFile"], keyFile, "credential"),
  };
}

/** The fields that an issuer of kind `kubernetes` does not have. */
const oidcFields = ["issuer", "jwksFile", "jwksUrl", "algorithms", "maxLifetime"] as const;

async function issuersOf({ issuers }: WrittenKeyring, validator: ConfigValidator): Promise<KeyringConfig["issuers"]> {
  const found: KeyringIssuerConfig[] = [];
  for (const [index, one] of issuers.entries()) {
    const within = validator.within(index);
    if (issuers.findIndex(({ name }) => name === one.name) < index) within.complain(["name"], "duplicate name");
    const foreign = one.kind === "kubernetes" ? oidcFields : ["token"] as const;
    for (const field of foreign) {
      if (one[field] !== undefined) within.complain([field], `is no field of an issuer of kind ${one.kind}`);
    }
    if (one.jwksFile !== undefined && one.jwksUrl !== undefined) {
      within.complain(["jwksUrl"], "stands beside jwksFile; the keys come from one place");
    }
    if (one.kind === "kubernetes" && one.token === undefined) within.complain(["token"], "is missing");
    found.push({
      name: one.name,
      kind: one.kind,
      url: one.url,
      audience: one.audience,
      issuer: one.issuer,
      caFile: one.caFile === undefined ? undefined : await within.file(["caFile"], one.caFile, "public"),
      jwksFile: one.jwksFile === undefined ? undefined : await within.file(["jwksFile"], one.jwksFile, "public"),
      jwksUrl: one.jwksUrl,
      algorithms: one.algorithms ?? issuerDefaults.algorithms,
      maxLifetimeMs: one.maxLifetime ?? issuerDefaults.maxLifetimeMs,
      token: one.token === undefined ? undefined : await within.secret(["token"], one.token),
    });
  }
  return found;
}

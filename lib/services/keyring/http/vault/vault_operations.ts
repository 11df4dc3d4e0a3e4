/**
 * The routes of Vault's API that are answered, as operations. All others are refused.
 *
 * @module
 */
import type * as z from "zod/mini";
import { KeyringError } from "../../../../api/keyring/problems.ts";
import type { IncomingRequest } from "../exchange.ts";
import type { Operation, OperationCall, OperationResult } from "../operation.ts";
import { bodyLimits } from "../request_input.ts";
import { folderInTarget, secretInTarget } from "../target.ts";
import { vaultProblem } from "./answers.ts";
import {
  vaultCertificateLogin,
  vaultLogin,
  vaultLookupSelf,
  vaultRenewSelf,
  vaultRevokeSelf,
} from "./auth_handlers.ts";
import * as kv from "./kv_handlers.ts";
import { kvDeleteMetadata, kvList, kvReadMetadata, kvWriteMetadata } from "./metadata_handlers.ts";
import { kvConfig, vaultMountOf, vaultMounts } from "./sys_handlers.ts";
import * as schemas from "./vault_schemas.ts";

/** A route of Vault's API. */
export interface VaultRoute {
  readonly methods: readonly string[];
  /** Below `/v1/`. At its end `*` stands for any path, also an empty one. */
  readonly path: string;
  /** For a route that is taken if its query begins with this text, and comes before one with the same path. */
  readonly whenQuery?: string;
  readonly operation: Operation;
}

interface Row<Path, Query, Body> {
  readonly methods: readonly string[];
  readonly path: string;
  readonly whenQuery?: string;
  readonly action: string;
  readonly verb: Operation["verb"];
  readonly on?: Operation["on"];
  readonly pathOf?: (encoded: string) => Path;
  readonly query?: z.ZodMiniType<Query>;
  readonly body?: z.ZodMiniType<Body>;
  readonly work: (call: OperationCall<Path, Query, Body>) => Promise<OperationResult>;
}

/** Vault's clients send writes as PUT or POST. */
const writes = ["POST", "PUT"];

/** All routes. @param mount the one mount, for instance `secret`. */
export function vaultRoutes(mount: string): readonly VaultRoute[] {
  return [...kvRoutes(mount), ...authRoutes(), ...sysRoutes(mount)];
}

function kvRoutes(mount: string): readonly VaultRoute[] {
  const secret = { on: "url", pathOf: secretInTarget } as const;
  const versions = { ...secret, methods: writes, body: schemas.kvVersions } as const;
  const data = `${mount}/data/*`;
  const metadata = `${mount}/metadata/*`;
  return [
    row({
      ...secret,
      methods: ["GET"],
      path: data,
      action: "secret.read",
      verb: "read",
      query: schemas.kvReadQuery,
      work: kv.kvRead as (call: OperationCall) => Promise<OperationResult>,
    }),
    row({
      ...secret,
      methods: writes,
      path: data,
      action: "secret.write",
      verb: "write",
      body: schemas.kvWrite,
      work: kv.kvWriteData,
    }),
    row({
      ...secret,
      methods: ["PATCH"],
      path: data,
      action: "secret.patch",
      verb: "write",
      body: schemas.kvWrite,
      work: kv.kvPatchData,
    }),
    row({ ...secret, methods: ["DELETE"], path: data, action: "secret.delete", verb: "write", work: kv.kvDeleteData }),
    row({
      methods: ["GET"],
      path: metadata,
      whenQuery: "list=true",
      action: "secret.list",
      verb: "list",
      on: "entries",
      pathOf: folderInTarget,
      query: schemas.kvListQuery,
      work: kvList,
    }),
    row({
      ...secret,
      methods: ["GET"],
      path: metadata,
      action: "secret.history",
      verb: "read",
      work: kvReadMetadata,
    }),
    row({
      ...secret,
      methods: [...writes, "PATCH"],
      path: metadata,
      action: "secret.patch",
      verb: "write",
      body: schemas.kvMetadataWrite,
      work: kvWriteMetadata,
    }),
    row({
      ...secret,
      methods: ["DELETE"],
      path: metadata,
      action: "secret.destroy",
      verb: "destroy",
      work: kvDeleteMetadata,
    }),
    row({ ...versions, path: `${mount}/delete/*`, action: "secret.delete", verb: "write", work: kv.kvDeleteVersions }),
    row({ ...versions, path: `${mount}/undelete/*`, action: "secret.undelete", verb: "write", work: kv.kvUndelete }),
    row({ ...versions, path: `${mount}/destroy/*`, action: "secret.destroy", verb: "destroy", work: kv.kvDestroy }),
    row({ methods: ["GET"], path: `${mount}/config`, action: "kv.config", verb: "identity", work: kvConfig }),
  ];
}

function authRoutes(): readonly VaultRoute[] {
  const login = { methods: writes, action: "login", verb: "none", body: schemas.jwtLogin } as const;
  return [
    row({ ...login, path: "auth/kubernetes/login", work: vaultLogin("kubernetes") }),
    row({ ...login, path: "auth/jwt/login", work: vaultLogin("oidc") }),
    row({
      methods: writes,
      path: "auth/cert/login",
      action: "login",
      verb: "identity",
      body: schemas.certificateLogin,
      work: vaultCertificateLogin,
    }),
    row({
      methods: ["GET"],
      path: "auth/token/lookup-self",
      action: "token.show",
      verb: "identity",
      work: vaultLookupSelf,
    }),
    row({
      methods: writes,
      path: "auth/token/renew-self",
      action: "token.renew",
      verb: "identity",
      body: schemas.renewSelf,
      work: vaultRenewSelf,
    }),
    row({
      methods: writes,
      path: "auth/token/revoke-self",
      action: "token.revoke",
      verb: "identity",
      work: vaultRevokeSelf,
    }),
  ];
}

function sysRoutes(mount: string): readonly VaultRoute[] {
  const mounts = { methods: ["GET"], action: "kv.mounts", verb: "identity" } as const;
  return [
    row({ ...mounts, path: "sys/internal/ui/mounts", work: vaultMounts(mount) }),
    row({ ...mounts, path: "sys/internal/ui/mounts/*", pathOf: (encoded) => encoded, work: vaultMountOf(mount) }),
  ];
}

function row<Path, Query, Body>(row: Row<Path, Query, Body>): VaultRoute {
  const { methods, path, whenQuery, action, verb, on = "server", query, body, work } = row;
  const operation: Operation<Path, Query, Body> = {
    action,
    verb,
    on,
    status: 200,
    query,
    body,
    maxBody: bodyLimits.request,
    timeoutMs: 30_000,
    vault: true,
    refuse: refuseVaultHeaders,
    renderProblem: vaultProblem,
    pathOf: row.pathOf ?? (() => undefined as Path),
    work,
  };
  // The pipeline gives `work` the output of the row's own schemas and `pathOf`.
  return {
    methods,
    path,
    ...(whenQuery === undefined ? {} : { whenQuery }),
    operation: operation as Operation<never, never, never> as Operation,
  };
}

/** Headers that change the meaning of a request, and that this server does not follow. */
const refusedHeaders = {
  "x-vault-wrap-ttl": "Response wrapping is not supported; send the request without X-Vault-Wrap-TTL.",
  "x-vault-namespace": "Namespaces are not supported; send the request without X-Vault-Namespace.",
  "x-vault-mfa": "Multi-factor authentication is not supported; send the request without X-Vault-MFA.",
} as const satisfies Readonly<Record<string, string>>;

/** @throws {KeyringError} `request_invalid` */
function refuseVaultHeaders(request: IncomingRequest): void {
  for (const [name, message] of Object.entries(refusedHeaders)) {
    const value = request.header(name);
    if (value !== undefined && value !== "") throw new KeyringError("request_invalid", message);
  }
}

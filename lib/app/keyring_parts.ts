/**
 * The parts of the keyring behind its API. They are made once the store is open.
 *
 * @module
 */
import { join } from "node:path";
import { hex } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { KeyringConfig, KeyringIssuerConfig } from "../config/config.ts";
import { AuditChain } from "../services/keyring/audit/audit_chain.ts";
import { auditKeyPair } from "../services/keyring/audit/audit_key.ts";
import { keepPosition, keptPosition } from "../services/keyring/audit/kept_position.ts";
import { backupOf } from "../services/keyring/backup/backup.ts";
import { ValueGenerators } from "../services/keyring/generators/value_generators.ts";
import type { KeyringParts, RunUpkeep } from "../services/keyring/http/parts.ts";
import { Authenticator } from "../services/keyring/identity/authenticator.ts";
import { CertificateAuthority } from "../services/keyring/identity/certificate_authority.ts";
import { KubernetesCluster } from "../services/keyring/identity/cluster.ts";
import { Enrolments } from "../services/keyring/identity/enrolments.ts";
import { FailedAnswers } from "../services/keyring/identity/failed_answers.ts";
import { OidcIssuer } from "../services/keyring/identity/issuer.ts";
import type { IssuerKeys } from "../services/keyring/identity/settings.ts";
import { LoginVerifier } from "../services/keyring/identity/login.ts";
import { Tokens } from "../services/keyring/identity/tokens.ts";
import type { CheckpointPass } from "../services/keyring/records/checkpoint_pass.ts";
import { Checkpoints } from "../services/keyring/records/checkpoints.ts";
import { Policies } from "../services/keyring/policy/policies.ts";
import type { SealedRecordStore } from "../services/keyring/records/record_store.ts";
import { Secrets } from "../services/keyring/secrets/secrets.ts";
import type { Notify } from "../telemetry/events.ts";

/** The parts, and what belongs to this process alone. */
export interface OpenKeyring extends AsyncDisposable {
  readonly parts: KeyringParts;
  readonly authority: CertificateAuthority;
  readonly audit: AuditChain;
  readonly checkpoints: Checkpoints;
  /** The state of the store before this process wrote to it, to be compared with its checkpoint. */
  readonly atStart: CheckpointPass;
  /** Keeps the end of the audit in the store. */
  keepAuditEnd(signal: AbortSignal): Promise<void>;
}

/** The logins of the configured clusters and issuers. */
export interface OpenLogins extends AsyncDisposable {
  readonly verifier: LoginVerifier;
}

/** Opens the clients of clusters and issuers. No network access. @throws {KmsError} `config` */
export async function openLogins(issuers: readonly KeyringIssuerConfig[], notify: Notify): Promise<OpenLogins> {
  await using opened = new ResourceStack();
  const parts = { clock: systemClock, notify };
  const clusters: KubernetesCluster[] = [];
  const oidc: OidcIssuer[] = [];
  for (const one of issuers) {
    const tls = one.caFile === undefined ? {} : { caFile: one.caFile };
    const { name, audience, url } = one;
    if (one.kind === "kubernetes") {
      const token = one.token === undefined ? {} : { token: one.token };
      clusters.push(await KubernetesCluster.open({ name, address: url, audience, ...token, tls }, parts));
      continue;
    }
    const { algorithms, maxLifetimeMs } = one;
    const settings = { name, issuer: one.issuer ?? url, audience, keys: keysOf(one), algorithms, maxLifetimeMs, tls };
    oidc.push(await OidcIssuer.open(settings, parts));
  }
  for (const one of [...clusters, ...oidc]) {
    opened.use({ [Symbol.asyncDispose]: () => Promise.resolve(one[Symbol.dispose]()) });
  }
  const kept = opened.move();
  return {
    verifier: new LoginVerifier({ clusters, issuers: oidc }),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

function keysOf({ jwksFile, jwksUrl }: KeyringIssuerConfig): IssuerKeys {
  if (jwksFile !== undefined) return { from: "file", path: jwksFile };
  return jwksUrl === undefined ? { from: "discovery" } : { from: "url", url: jwksUrl };
}

/** Options of {@linkcode openKeyring}. */
export interface OpenKeyringOptions {
  readonly config: KeyringConfig;
  readonly store: SealedRecordStore;
  readonly logins: OpenLogins;
  readonly upkeep: RunUpkeep;
  readonly diskBound: KeyringParts["diskBound"];
  readonly notify: Notify;
  /** Called when a backup was read to its end. */
  readonly onBackup: () => Promise<void>;
  readonly signal: AbortSignal;
  /** Aborted when the server stops. */
  readonly lasting: AbortSignal;
}

/**
 * Makes the parts of an open store.
 *
 * @throws {KeyringError} `audit_unavailable`, `kms_unavailable`, `store_unavailable`, `integrity`.
 */
export async function openKeyring(options: OpenKeyringOptions): Promise<OpenKeyring> {
  const { config, store, logins, upkeep, notify, onBackup, signal, lasting } = options;
  const clock = systemClock;
  const { signingKey, publicKey, isNew } = await auditKeyPair(store, signal);
  if (isNew) notify({ type: "lifecycle", action: "serving", message: auditKeySentence(publicKey) });
  const serverId = `${hex(store.storeId).slice(0, 8)}-${serverName(config)}`;
  const known = await keptPosition(store, serverId, signal);
  const checkpoints = new Checkpoints({
    store,
    path: checkpointPath(config),
    signingKey,
    onFinding: (note) => {
      notify({ type: "lifecycle", action: "warning", message: note });
      // The chain itself reports a line that it cannot write.
      void audit.record({ ...ownEntry, note }).catch(() => undefined);
    },
  });
  await using opened = new ResourceStack();
  const atStart = opened.use(await checkpoints.begin(lasting));
  const audit = opened.use(
    await AuditChain.open({
      ...(known === undefined ? {} : { known }),
      checkpoint: () => checkpoints.line,
      path: config.audit,
      serverId,
      signingKey,
      clock,
      onFailure: config.auditFailure,
      notify: (_state, message) => notify({ type: "lifecycle", action: "warning", message }),
    }),
  );
  const keepAuditEnd = async (signal: AbortSignal) => {
    const { lines: seq, hash } = audit.head();
    await keepPosition(store, serverId, { seq, hash }, signal);
  };
  // A row that is newer than the checkpoint says that a server has written since, and may have deleted.
  await keepAuditEnd(signal);
  const failedAnswers = new FailedAnswers(clock);
  const policies = new Policies({ store, clock });
  const authority = new CertificateAuthority({ store, clock });
  const enrolments = new Enrolments({ store, clock, policies, authority, failedAnswers });
  const tokens = new Tokens({
    store,
    clock,
    policies,
    failedAnswers,
    verify: (request, signal) => logins.verifier.verify(request, signal),
  });
  const authenticator = new Authenticator({ store, clock, policies, failedAnswers });
  const parts: KeyringParts = {
    clock,
    store,
    secrets: new Secrets({ store, clock }),
    generators: new ValueGenerators(),
    authenticator,
    enrolments,
    tokens,
    policies,
    authorities: (signal) => config.tls.files === undefined ? authority.trusted(signal) : Promise.resolve(undefined),
    audit,
    auditKey: { publicKey, serverId },
    diskBound: options.diskBound,
    async *backup(signal) {
      yield* backupOf(store.engine, clock, signal);
      await onBackup();
    },
    upkeep,
  };
  const kept = opened.move();
  return {
    parts,
    authority,
    audit,
    checkpoints,
    atStart,
    keepAuditEnd,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** Printed at the first start. The key is one line of base64 in its PEM. */
function auditKeySentence(publicKey: string): string {
  const key = publicKey.replaceAll(/-----[A-Z ]+-----|\n/g, "");
  return `The audit is signed with the Ed25519 key ${key}; keep it in another place (clectl audit key > audit.pem).`;
}

/** The entry of the audit for what the server finds by itself. */
const ownEntry = { requestId: "none", identity: "server", action: "checkpoint", result: "integrity" } as const;

/** The file with the checkpoint of the store. */
export function checkpointPath({ state }: Pick<KeyringConfig, "state">): string {
  return join(state, "checkpoint");
}

/** The part of the server's ID in the audit that tells servers of one store apart: the end of its state folder. */
function serverName({ state }: KeyringConfig): string {
  return join(state).split("/").at(-1) || "server";
}

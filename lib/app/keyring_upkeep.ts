/**
 * The work on a whole store that `trousseau keyring rewrap`, `reseal`, `reindex`, `verify` and `ca rotate` ask for.
 *
 * @module
 */
import { KeyringError } from "../api/keyring/problems.ts";
import type { UpkeepJob, UpkeepReport, UpkeepRequest } from "../api/keyring/upkeep_schemas.ts";
import { systemClock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { storedAuditKey } from "../services/keyring/audit/audit_key.ts";
import type { RunUpkeep } from "../services/keyring/http/parts.ts";
import { CertificateAuthority, certificatesIn } from "../services/keyring/identity/certificate_authority.ts";
import { authorityFingerprint } from "../services/keyring/identity/server_certificate.ts";
import { checkpointFindings } from "../services/keyring/records/checkpoints.ts";
import type { SealedRecordStore } from "../services/keyring/records/record_store.ts";
import { reseal } from "../services/keyring/records/reseal.ts";
import { rewrap } from "../services/keyring/records/rewrap.ts";
import { reindex } from "../services/keyring/secrets/reindex.ts";
import { secretContexts } from "../services/keyring/secrets/value_contexts.ts";
import { verifyStore } from "../services/keyring/secrets/verify.ts";
import { checkpointPath } from "./keyring_parts.ts";

/** How the work runs. */
export interface UpkeepCall {
  readonly signal: AbortSignal;
  /** Called with a sentence. */
  readonly onProgress: (text: string) => void;
}

/** A store, and the configuration that opened it. */
export interface UpkeepStore {
  readonly store: SealedRecordStore;
  readonly config: Pick<Config, "keyring" | "providers">;
}

type UpkeepWork<Job extends UpkeepJob> = (opened: UpkeepStore, call: UpkeepCall) => Promise<UpkeepReport<Job>>;

const works: { readonly [Job in UpkeepJob]: UpkeepWork<Job> } = {
  rewrap: async ({ store }, { signal }) => ({ keys: await rewrap(store, signal) }),
  async reseal({ store }, { signal, onProgress }) {
    const { resealed, skipped } = await reseal(store, {
      signal,
      contexts: secretContexts,
      onProgress: ({ table, resealed }) =>
        onProgress(`Sealing every record anew: ${resealed} done, now in table ${table}`),
    });
    return { resealed, skipped };
  },
  async reindex({ store }, { signal, onProgress }) {
    return {
      rows: await reindex(store, { signal, onProgress: (rows) => onProgress(`Moving the index: ${rows} rows`) }),
    };
  },
  verify: verifyKeyring,
  async "rotate-authority"({ store }, { signal }) {
    await store.ready(signal);
    const bundle = await new CertificateAuthority({ store, clock: systemClock }).rotate(signal);
    const [newest = "", ...others] = certificatesIn(bundle);
    return { authorities: 1 + others.length, bundle, fingerprint: authorityFingerprint(newest) };
  },
};

/**
 * Does a kind of work on an open store.
 *
 * @throws {KeyringError} `kms_unavailable`, `store_unavailable`, `integrity`, `conflict`.
 */
export function workOnStore<Job extends UpkeepJob>(
  job: Job,
  opened: UpkeepStore,
  call: UpkeepCall,
): Promise<UpkeepReport<Job>> {
  return works[job](opened, call);
}

/**
 * The work as a running server does it: one at a time, and with the providers that the caller expects.
 *
 * @param onRotated called when there is a new certificate authority.
 */
export function servedUpkeep(opened: UpkeepStore, onRotated: () => void): RunUpkeep {
  let running: UpkeepJob | undefined;
  return async (request, call) => {
    requireProviders(request, opened.config);
    if (running !== undefined) {
      throw new KeyringError("conflict", `Cannot ${request.job}: ${running} is running; wait until it has ended.`);
    }
    running = request.job;
    try {
      const report = await workOnStore(request.job, opened, call);
      if (request.job === "rotate-authority") onRotated();
      return report;
    } finally {
      running = undefined;
    }
  };
}

/** A server that was not restarted since its file was changed would wrap by the providers of before. */
function requireProviders({ job, providers }: UpkeepRequest, config: Pick<Config, "providers">): void {
  const own = config.providers.map(({ name }) => name);
  if (providers === undefined || providers.toSorted().join() === own.toSorted().join()) return;
  throw new KeyringError(
    "conflict",
    `Cannot ${job}: the server has the providers ${own.join(", ")}, and the configuration names ` +
      `${providers.join(", ")}; restart the server.`,
  );
}

/** Opens every record, compares the parts of the store with each other, and the store with its checkpoint. */
async function verifyKeyring(
  { store, config: { keyring } }: UpkeepStore,
  { signal, onProgress }: UpkeepCall,
): Promise<UpkeepReport<"verify">> {
  const report = await verifyStore(store, {
    signal,
    onProgress: (rows) => onProgress(`Opening every record: ${rows} rows`),
  });
  const signingKey = await storedAuditKey(store, signal).catch(ignoreDamage);
  if (signingKey === undefined) return report;
  const found = await checkpointFindings({ store, path: checkpointPath(keyring), signingKey }, signal);
  return {
    ...report,
    problems: [...found, ...report.problems],
    problemCount: report.problemCount + found.length,
  };
}

/** A key that does not open is a problem of the report already. */
function ignoreDamage(thrown: unknown): undefined {
  if (!(thrown instanceof KeyringError) || thrown.code !== "integrity") throw thrown;
}

/**
 * `trousseau keyring rewrap`, `reseal`, `reindex`, `verify` and `ca rotate`.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { CertificateAuthority } from "../../services/keyring/identity/certificate_authority.ts";
import { reseal } from "../../services/keyring/records/reseal.ts";
import { rewrap } from "../../services/keyring/records/rewrap.ts";
import { reindex } from "../../services/keyring/secrets/reindex.ts";
import { secretContexts } from "../../services/keyring/secrets/value_contexts.ts";
import { verifyStore } from "../../services/keyring/secrets/verify.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { json, line } from "../terminal.ts";
import { withKeyringStore } from "./keyring_store_command.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Wraps the store keys anew by the providers as they are configured now. */
export async function keyringRewrap(call: TrousseauCall): Promise<ExitStatus> {
  const keys = await withKeyringStore(call, "Wrapping the store keys", ({ store, signal }) => rewrap(store, signal));
  return printed(call, { keys }, [`${keys} store keys are wrapped by the providers of this configuration.`]);
}

/** Seals every record anew under new store keys. */
export async function keyringReseal(call: TrousseauCall): Promise<ExitStatus> {
  const done = await withKeyringStore(
    call,
    "Sealing every record anew",
    ({ store, progress, signal }) =>
      reseal(store, {
        signal,
        contexts: secretContexts,
        onProgress: ({ table, resealed }) =>
          progress.update(`Sealing every record anew: ${resealed} done, now in table ${table}`),
      }),
  );
  return printed(call, { resealed: done.resealed, skipped: done.skipped }, [
    `${done.resealed} records are sealed under new store keys.`,
    ...(done.skipped === 0 ? [] : [`${done.skipped} rows belong to nothing and cannot be opened any more.`]),
    "Backups and the history of etcd still open under the old keys: remove those that you do not need.",
  ]);
}

/** Replaces the index key. */
export async function keyringReindex(call: TrousseauCall): Promise<ExitStatus> {
  const rows = await withKeyringStore(
    call,
    "Moving the index",
    ({ store, progress, signal }) =>
      reindex(store, { signal, onProgress: (moved) => progress.update(`Moving the index: ${moved} rows`) }),
  );
  return printed(call, { rows }, [`${rows} rows of the index are under a new key.`]);
}

/** Opens every record and compares the parts of the store with each other. */
export async function keyringVerify(call: TrousseauCall): Promise<ExitStatus> {
  const report = await withKeyringStore(
    call,
    "Opening every record",
    ({ store, progress, signal }) =>
      verifyStore(store, {
        signal,
        onProgress: (rows) => progress.update(`Opening every record: ${rows} rows`),
      }),
  );
  const { secrets, values, problems, problemCount } = report;
  printed(call, report, [
    `${secrets} secrets with ${values} values were opened; ${problemCount === 0 ? "all is sound." : "problems:"}`,
    ...problems.map((problem) => `  ${problem}`),
    ...(problemCount > problems.length ? [`  and ${problemCount - problems.length} more.`] : []),
  ]);
  return problemCount === 0 ? exitCodes.ok.status : exitCodes.unmet.status;
}

/** Makes a new certificate authority; the old one is trusted for 90 days more. */
export async function keyringCaRotate(call: TrousseauCall): Promise<ExitStatus> {
  const bundle = await withKeyringStore(call, "Making a certificate authority", async ({ store, signal }) => {
    await store.ready(signal);
    return await new CertificateAuthority({ store, clock: systemClock }).rotate(signal);
  });
  const authorities = bundle.split("-----BEGIN CERTIFICATE-----").length - 1;
  return printed(call, { authorities, bundle }, [
    `A new certificate authority signs from now on; ${authorities} are trusted. The one before it is trusted for 90 days:`,
    "in that time each client that connects learns the new one with its next certificate.",
  ]);
}

function printed(call: TrousseauCall, document: unknown, lines: readonly string[]): ExitStatus {
  const { options, terminal: { stdout } } = call;
  if (options.json) json(stdout, document);
  else for (const text of lines) line(stdout, text);
  return exitCodes.ok.status;
}

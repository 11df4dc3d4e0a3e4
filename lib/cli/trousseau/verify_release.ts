/**
 * `trousseau verify-release`
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { type MinisignKey, parseMinisignKey } from "../../release/minisign.ts";
import { ReleaseError } from "../../release/release_error.ts";
import { type ReleaseReport, verifyRelease } from "../../release/verify_release.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { json, line, printable } from "../terminal.ts";
import type { TrousseauCall } from "./terminal.ts";

/** The largest file of a public key, in bytes: minisign's has 113. */
const maxKeyBytes = 4_096;

/** Verifies the release in a folder. */
export async function verifyReleaseCommand(call: TrousseauCall): Promise<ExitStatus> {
  const { options, positionals: [folder = ""], terminal } = call;
  const { commit } = options;
  if (options["public-key"] === undefined) {
    throw new UsageError(
      "--public-key FILE is missing: a release that is compared with nothing is not verified.",
      "verify-release",
    );
  }
  if (commit !== undefined && !/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(commit)) {
    throw new UsageError("--commit takes the 40 hexadecimal digits of a commit.", "verify-release");
  }
  const key = await publicKey(options["public-key"]);
  const report = await verified(folder, key, { commit, standIn: options["stand-in"] }, terminal.signal);
  printReport(call, report);
  return report.findings.length === 0 ? exitCodes.ok.status : exitCodes.unmet.status;
}

async function publicKey(path: string): Promise<MinisignKey> {
  try {
    const { size } = await Deno.stat(path);
    if (size > maxKeyBytes) throw new ReleaseError("Cannot read the public key: it is not one of minisign.");
    return parseMinisignKey(await Deno.readTextFile(path));
  } catch (cause) {
    if (cause instanceof ReleaseError) throw new KmsError("config", cause.message, { cause });
    throw new KmsError("config", `Cannot read the public key at ${path}.`, { cause });
  }
}

async function verified(...[folder, ...rest]: Parameters<typeof verifyRelease>): Promise<ReleaseReport> {
  try {
    return await verifyRelease(folder, ...rest);
  } catch (cause) {
    if (rest[2].aborted) throw cause;
    throw new KmsError("config", `Cannot read the release in ${folder}: ${describeReading(cause)}.`, { cause });
  }
}

function describeReading(thrown: unknown): string {
  if (thrown instanceof Deno.errors.NotFound) return "there is no such folder";
  if (thrown instanceof Deno.errors.NotADirectory) return "it is no folder";
  return "the folder or a file in it cannot be read by this user";
}

function printReport(
  { options, terminal: { stdout } }: TrousseauCall,
  { version, commit, files, findings }: ReleaseReport,
) {
  const isVerified = findings.length === 0;
  if (options.json) {
    json(stdout, { ok: isVerified, version: version ?? "unknown", commit: commit ?? "unknown", files, findings });
    return;
  }
  for (const { file, problem } of findings) line(stdout, printable(`${file}: ${problem}`));
  const named = printable(`Trousseau ${version ?? "of an unknown version"}, commit ${commit ?? "unknown"}`);
  const standIn = options["stand-in"] ? " Stand-ins were accepted: it is no release." : "";
  line(
    stdout,
    isVerified ? `Verified: ${named}, ${files} files.${standIn}` : `Not verified: ${named}. Do not install it.`,
  );
}

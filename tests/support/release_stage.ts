/**
 * A small release in a folder: binaries of a few hundred bytes, and everything else as `deno task release` makes it.
 *
 * @module
 */
import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { base64, concat, fromBase64url, utf8 } from "../../lib/base/bytes.ts";
import { parseProvenance, provenanceFile } from "../../lib/release/provenance.ts";
import { fileSha256, signatureFile } from "../../lib/release/release_files.ts";
import { formatSums, parseSums, sumsFile } from "../../lib/release/sums.ts";
import { releaseComment } from "../../lib/release/verify_release.ts";
import { version } from "../../lib/base/version.ts";
import { repository } from "../../deploy/compile/stage.ts";
import { architectures, binaryName } from "../../deploy/compile/targets.ts";
import type { BomBinary } from "../../deploy/release/make_bom.ts";
import { makeRelease } from "../../deploy/release/make_release.ts";
import type { ReleasePart } from "../../deploy/release/part.ts";
import { type SigningKey, signMinisign } from "../../deploy/release/secret_key.ts";

/** The commit of the release. */
export const releasedCommit = "0123456789abcdef0123456789abcdef01234567";

/** The time of its files, in seconds since 1970. */
export const releasedAt = 1_700_000_000;

/** A new key. @param id the digit that its ID consists of. */
export function newSigningKey(id = 1): { key: SigningKey; publicKey: string } {
  const keyId = new Uint8Array(8).fill(id);
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  const bytes = concat(utf8("Ed"), keyId, fromBase64url(x) ?? new Uint8Array());
  return { key: { keyId, key: privateKey }, publicKey: `untrusted comment: of a test\n${base64(bytes)}\n` };
}

const machines = { amd64: 0x3e, arm64: 0xb7 } as const;

/** A runtime of 200 bytes with the header of an ELF file. */
function runtimeFor(architecture: "amd64" | "arm64"): Uint8Array {
  const bytes = new Uint8Array(200).fill(7);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  bytes.set([machines[architecture], 0], 18);
  return bytes;
}

/** The choices of a release. */
export interface ReleaseStageOptions {
  readonly key: SigningKey | undefined;
  readonly standIn?: boolean;
  /** The commit inside the binaries. */
  readonly commit?: string;
  readonly modified?: boolean;
  /** One file in a folder, if not given. */
  readonly parts?: readonly ReleasePart[];
}

/** Makes a release in `dist`. */
export async function stageRelease(dist: string, options: ReleaseStageOptions): Promise<void> {
  const source = { root: repository, commit: releasedCommit, sourceDate: releasedAt };
  const binaries = (folder: string) => writeBinaries(folder, options);
  const steps = { key: options.key, parts: options.parts ?? [oneNestedFile], binaries };
  await makeRelease(dist, source, steps, AbortSignal.timeout(60_000));
}

const oneNestedFile: ReleasePart = {
  name: "notes",
  async make({ dist }) {
    await Deno.mkdir(join(dist, "notes"));
    await Deno.writeTextFile(join(dist, "notes/one.txt"), "a part in a folder\n");
    return ["notes/one.txt"];
  },
};

async function writeBinaries(folder: string, options: ReleaseStageOptions): Promise<BomBinary[]> {
  const { standIn = false, commit = releasedCommit, modified = false } = options;
  const packages = { trousseau: ["yaml@2.9.1", "zod@4.6.7"], clectl: ["yaml@2.9.1"] } as const;
  const made = (["trousseau", "clectl"] as const).flatMap((artefact) =>
    architectures.map(async (architecture): Promise<BomBinary> => {
      const file = binaryName(artefact, architecture, standIn);
      const runtime = runtimeFor(architecture);
      const header = runtime.slice(0, 64);
      const mark = `source:${commit} ${releasedAt}${modified ? " modified" : ""}`;
      const bytes = concat(runtime, utf8(`var mark="${mark}";\n/* packages: ${packages[artefact].join(" ")} */\n`));
      // Compiling changes the places of tables in the header.
      bytes[40] = 1;
      await Deno.writeFile(join(folder, file), bytes, { mode: 0o755 });
      const [sha256, inside] = [bytes, runtime].map((part) => createHash("sha256").update(part).digest("hex"));
      return {
        file,
        artefact,
        architecture,
        sha256: sha256 ?? "",
        packages: packages[artefact],
        runtime: { sha256: inside ?? "", size: runtime.length, header, standIn },
      };
    })
  );
  return await Promise.all(made);
}

/** Changes the sum of each file to its content, and signs the list again: the forger has the key. */
export async function signAgain(dist: string, key: SigningKey, commit = releasedCommit): Promise<void> {
  const sums = parseSums(await Deno.readTextFile(join(dist, sumsFile)));
  const rows = sums.map(async ({ file }) => ({
    file,
    sha256: await fileSha256(join(dist, file), AbortSignal.timeout(60_000)),
  }));
  const text = formatSums(await Promise.all(rows));
  await Deno.writeTextFile(join(dist, sumsFile), text);
  await Deno.writeTextFile(join(dist, signatureFile), signMinisign(utf8(text), key, releaseComment(version, commit)));
}

/** Changes the sum of one file in the provenance to its content. */
export async function attestAgain(dist: string, file: string): Promise<void> {
  const path = join(dist, provenanceFile);
  const statement = parseProvenance(await Deno.readTextFile(path));
  const subject = statement.subject.find(({ name }) => name === file);
  if (subject !== undefined) subject.digest.sha256 = await fileSha256(join(dist, file), AbortSignal.timeout(60_000));
  await Deno.writeTextFile(path, JSON.stringify(statement));
}

/**
 * Criteria for changed requests.
 *
 * The plugin may serve a cluster; so each request is as long as a valid one and has all of its parts. It differs in one
 * bit in the second half of one part, where ciphertext and tag are, or in one character of the key ID. A careful plugin
 * rejects many more changes, but a plugin in service is not tested with them.
 *
 * A wrong plaintext in a successful response poisons kube-apiserver's cache for a day. A failure without a specific
 * code does not show whether to retry, to look for a key, or to restore a backup.
 *
 * @module
 */
import { equalBytes } from "../base/bytes.ts";
import type { ErrorCode } from "../base/errors.ts";
import { RpcFailure } from "../net/grpc/status.ts";
import { type Changed, everyFlip, spread } from "./changes.ts";
import { newPlaintext, type Opening, type Sealer, type Variant } from "./sealer.ts";
import type { Subject, SubjectApi, SubjectSealed } from "./subject.ts";
import { Unmet, Untried } from "./verdict.ts";

/** Maximum number of variants of a ciphertext, and of an annotation. */
const maxVariants = { ciphertext: 64, annotation: 8 } as const;

/** Codes that are acceptable for a refusal of changed bytes. */
const refusals: readonly ErrorCode[] = [
  "request_invalid",
  "integrity",
  "key_unknown",
  "key_unusable",
  "permission_denied",
];

/** The parts of a v2 response that are changed, each with its variants. */
const parts = {
  ciphertext: (sealed: SubjectSealed) => Promise.resolve(ofCiphertext(sealed)),
  key_id: (sealed: SubjectSealed) => Promise.resolve(ofKeyId(sealed)),
  annotations: ofAnnotations,
} as const satisfies Record<
  string,
  (sealed: SubjectSealed, sealer: Sealer<SubjectSealed>) => Promise<Variant<SubjectSealed>[]>
>;

/** A key of {@linkcode parts}. */
export type TamperedPart = keyof typeof parts;

/** The criterion that no changed part decrypts to other bytes, or that all are refused. */
export function changed(part: TamperedPart, wanted: "never other" | "refused"): (subject: Subject) => Promise<string> {
  return async (subject) =>
    judge(await subject.openings<SubjectSealed>(`v2 ${part}`, subject.v2(), parts[part]), wanted, part);
}

/** The same for v1beta1, which has one part. */
export function changedV1(wanted: "never other" | "refused"): (subject: Subject) => Promise<string> {
  return async (subject) => {
    const variants = (cipher: Uint8Array) =>
      Promise.resolve(
        laterFlips(cipher, maxVariants.ciphertext).map(({ what, bytes }) => ({ what, sealed: bytes, alone: true })),
      );
    return judge(await subject.openings("v1beta1 cipher", subject.v1beta1(), variants), wanted, "ciphertext");
  };
}

/** The criterion that the plugin was reachable after every changed request so far. */
export function survivesChanged(api: SubjectApi): (subject: Subject) => Promise<string> {
  return async (subject) => {
    const all = (await subject.changed(api)).flatMap(([part, openings]) =>
      openings.map(({ what, result }) => ({ what: `${part} ${what}`, isLost: result === "lost" }))
    );
    const lost = all.filter(({ isLost }) => isLost);
    const [first] = lost;
    if (first !== undefined) throw new Unmet(`nobody answered ${lost.length} of ${all.length}, first: ${first.what}`);
    if (all.length === 0) throw new Untried("nothing was handed in");
    return `${all.length} changed requests`;
  };
}

/** The criterion that all refusals so far have an acceptable code. */
export function refusesWithCode(api: SubjectApi): (subject: Subject) => Promise<string> {
  return async (subject) => {
    const refused = await subject.refusals(api);
    if (refused.length === 0) throw new Untried("nothing was refused");
    const bad = refused.filter(({ error }) => error === undefined || !hasAcceptableCode(error));
    const [first] = bad;
    if (first !== undefined) throw new Unmet(`${bad.length} of ${refused.length} by ${statusOf(first)}`);
    return `${refused.length} refusals: ${[...new Set(refused.map(statusOf))].join(", ")}`;
  };
}

function judge(openings: readonly Opening[], wanted: "never other" | "refused", part: string): string {
  const answered = openings.filter(({ result }) => result !== "lost");
  if (answered.length === 0) throw new Untried("nobody answered");
  const wrong = answered.filter(({ result }) => result === "other" || (wanted === "refused" && result === "same"));
  const [first] = wrong;
  if (first !== undefined) {
    const how = first.result === "other" ? "opened to other bytes" : "opened as if nothing had been done to it";
    throw new Unmet(`${wrong.length} of ${answered.length} ${how}: ${part} ${first.what}`);
  }
  return `${answered.length} variants`;
}

function hasAcceptableCode({ code, cause }: NonNullable<Opening["error"]>): boolean {
  return refusals.includes(code) && cause instanceof RpcFailure;
}

function statusOf({ error }: Opening): string {
  return error?.cause instanceof RpcFailure ? error.cause.status : error?.code ?? "nothing";
}

/** Variants with one flipped bit, of at most `count` bytes in the second half. */
function laterFlips(bytes: Uint8Array, count: number): readonly Changed[] {
  const half = Math.floor(bytes.length / 2);
  return spread(everyFlip(bytes, [0x01], half), count);
}

function ofCiphertext(sealed: SubjectSealed): Variant<SubjectSealed>[] {
  return laterFlips(sealed.ciphertext, maxVariants.ciphertext).map(({ what, bytes }) => ({
    what,
    sealed: { ...sealed, ciphertext: bytes },
    alone: true,
  }));
}

function ofKeyId(sealed: SubjectSealed): Variant<SubjectSealed>[] {
  const { key_id: keyId } = sealed;
  // A letter is replaced by a letter and a digit by a digit.
  const places = Array.from(keyId.matchAll(/[0-9A-Za-z]/g), ({ index }) => index);
  const chosen = new Set([places[Math.floor(places.length / 2)], places.at(-1)].filter((at) => at !== undefined));
  if (chosen.size === 0) throw new Untried("it has no letter and no digit");
  return [...chosen].map((at) => ({
    what: `with another character ${at}`,
    sealed: { ...sealed, key_id: keyId.slice(0, at) + otherOf(keyId.charAt(at)) + keyId.slice(at + 1) },
    alone: true,
  }));
}

/** The next letter or digit: `1` for `0`, `b` for `a`. The last one of its kind becomes the first. */
function otherOf(character: string): string {
  const next: Readonly<Record<string, string>> = { "9": "0", "f": "a", "F": "A", "z": "a", "Z": "A" };
  return next[character] ?? String.fromCharCode(character.charCodeAt(0) + 1);
}

async function ofAnnotations(sealed: SubjectSealed, sealer: Sealer<SubjectSealed>): Promise<Variant<SubjectSealed>[]> {
  const entries = Object.entries(sealed.annotations);
  if (entries.length === 0) throw new Untried("it gives none");
  const instead = (what: string, annotations: SubjectSealed["annotations"]) => ({
    what,
    sealed: { ...sealed, annotations },
    alone: true,
  });
  const { annotations: others } = await sealer.seal(newPlaintext());
  const isConstant = entries.every(([key, value]) => equalBytes(others[key] ?? new Uint8Array(), value));
  const isAlike = entries.every(([key, value]) => others[key]?.length === value.length);
  return [
    ...entries.flatMap(([key, value]) =>
      laterFlips(value, maxVariants.annotation).map(({ what, bytes }) =>
        instead(`${key} ${what}`, { ...sealed.annotations, [key]: bytes })
      )
    ),
    ...(isConstant || !isAlike ? [] : [instead("of another plaintext", others)]),
  ];
}

/**
 * What is asked of bad requests. A wrong plaintext that is answered as good poisons kube-apiserver's cache for a day; a
 * failure without a code tells nobody whether to try again, to look for a key, or to restore a backup.
 *
 * @module
 */
import { equalBytes } from "../bytes.ts";
import type { ErrorCode } from "../errors.ts";
import { RpcFailure } from "../grpc/status.ts";
import { type Changed, everyAppended, everyCut, everyFlip, flipped, spread } from "./changes.ts";
import { newPlaintext, type Opening, type Sealer, type Variant } from "./sealer.ts";
import type { Api, Sealed, Subject } from "./subject.ts";
import { Unmet, Untried } from "./verdict.ts";

/** So many variants of one ciphertext are handed in at most. */
const most = 512;

/** What a refusal of bytes may be called. */
const refusals: readonly ErrorCode[] = [
  "request_invalid",
  "integrity",
  "key_unknown",
  "key_unusable",
  "permission_denied",
];

/** Each part of what v2 seals that may be changed. */
export const parts = {
  ciphertext: (sealed: Sealed) => Promise.resolve(ofCiphertext(sealed)),
  key_id: (sealed: Sealed) => Promise.resolve(ofKeyId(sealed)),
  annotations: ofAnnotations,
} as const satisfies Record<string, (sealed: Sealed, sealer: Sealer<Sealed>) => Promise<Variant<Sealed>[]>>;

/** A part of {@linkcode parts}. */
export type Part = keyof typeof parts;

/** Whether no changed part opens to other bytes, or whether all of them are refused. */
export function changed(part: Part, wanted: "never other" | "refused"): (subject: Subject) => Promise<string> {
  return async (subject) =>
    judge(await subject.openings<Sealed>(`v2 ${part}`, subject.v2(), parts[part]), wanted, part);
}

/** The same of v1beta1, which has one part. */
export function changedV1(wanted: "never other" | "refused"): (subject: Subject) => Promise<string> {
  return async (subject) => {
    const variants = (cipher: Uint8Array) =>
      Promise.resolve(ofBytes(cipher).map(({ bytes, ...about }) => ({ ...about, sealed: bytes })));
    return judge(await subject.openings("v1beta1 cipher", subject.v1beta1(), variants), wanted, "ciphertext");
  };
}

/** Whether the plugin was still there after every changed request that was handed in so far. */
export function outlivesChanged(api: Api): (subject: Subject) => Promise<string> {
  return async (subject) => {
    const all = (await subject.changed(api)).flatMap(([part, openings]) =>
      openings.map(({ what, result }) => ({ what: `${part} ${what}`, isLost: result === "lost" }))
    );
    const lost = all.filter(({ isLost }) => isLost);
    const [first] = lost;
    if (first !== undefined) throw new Unmet(`nobody answered ${lost.length} of ${all.length}, first: ${first.what}`);
    if (all.length === 0) throw new Untried("nothing was handed in");
    return `${all.length} bad requests`;
  };
}

/** Whether all refusals that were seen so far have codes that say something. */
export function tellsByCode(api: Api): (subject: Subject) => Promise<string> {
  return async (subject) => {
    const refused = await subject.refusals(api);
    if (refused.length === 0) throw new Untried("nothing was refused");
    const bad = refused.filter(({ error }) => error === undefined || !isTold(error));
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

function isTold({ code, cause }: NonNullable<Opening["error"]>): boolean {
  return refusals.includes(code) && cause instanceof RpcFailure;
}

function statusOf({ error }: Opening): string {
  return error?.cause instanceof RpcFailure ? error.cause.status : error?.code ?? "nothing";
}

function ofBytes(bytes: Uint8Array): readonly (Changed & { readonly alone?: boolean })[] {
  return [
    ...spread(everyFlip(bytes, [0x01, 0x20]), most),
    // What is too short is what ends a careless process.
    ...spread(everyCut(bytes), 16).map((cut) => ({ ...cut, alone: true })),
    ...everyAppended(bytes, [0, 0x41]),
  ];
}

function ofCiphertext(sealed: Sealed): Variant<Sealed>[] {
  const variants = ofBytes(sealed.ciphertext).map(({ bytes, ...about }) => ({
    ...about,
    sealed: { ...sealed, ciphertext: bytes },
  }));
  return [...variants, { what: "of 64 KiB", sealed: { ...sealed, ciphertext: new Uint8Array(64 * 1024) } }];
}

function ofKeyId(sealed: Sealed): Variant<Sealed>[] {
  const { key_id: keyId } = sealed;
  const others = { "missing": "", "with x behind it": `${keyId}x`, "foreign": "other", "cut": keyId.slice(0, -1) };
  return Object.entries({ ...others, "of 1,025 bytes": "x".repeat(1025) })
    .filter(([, other]) => other !== keyId)
    .map(([what, other]) => ({ what, sealed: { ...sealed, key_id: other } }));
}

async function ofAnnotations(sealed: Sealed, sealer: Sealer<Sealed>): Promise<Variant<Sealed>[]> {
  const entries = Object.entries(sealed.annotations);
  if (entries.length === 0) throw new Untried("it gives none");
  const instead = (what: string, annotations: Sealed["annotations"]) => ({ what, sealed: { ...sealed, annotations } });
  const { annotations: others } = await sealer.seal(newPlaintext());
  const isConstant = entries.every(([key, value]) => equalBytes(others[key] ?? new Uint8Array(), value));
  return [
    ...entries.flatMap(([key, value]) => [
      instead(`without ${key}`, without(sealed.annotations, key)),
      ...changesOf(value).map(([what, bytes]) => instead(`${key} ${what}`, { ...sealed.annotations, [key]: bytes })),
    ]),
    ...swapped(entries).map((annotations) => instead("with two values swapped", annotations)),
    ...(isConstant ? [] : [instead("of another plaintext", others)]),
    instead("and one more", { ...sealed.annotations, "one.more.test": Uint8Array.of(1) }),
  ];
}

function changesOf(value: Uint8Array): readonly (readonly [string, Uint8Array])[] {
  if (value.length === 0) return [["with a byte", Uint8Array.of(1)]];
  const places = new Set([0, Math.floor(value.length / 2), value.length - 1]);
  return [
    ...[...places].map((at) => [`byte ${at} ^ 1`, flipped(value, at)] as const),
    ["emptied", new Uint8Array()],
  ];
}

function without(annotations: Sealed["annotations"], key: string): Sealed["annotations"] {
  return Object.fromEntries(Object.entries(annotations).filter(([other]) => other !== key));
}

/** The values of the first two annotations in each other's place, where that is a change. */
function swapped(entries: readonly [string, Uint8Array][]): readonly Sealed["annotations"][] {
  const [[one, first] = [], [two, second] = [], ...rest] = entries;
  if (one === undefined || two === undefined || first === undefined || second === undefined) return [];
  return equalBytes(first, second) ? [] : [Object.fromEntries([[one, second], [two, first], ...rest])];
}

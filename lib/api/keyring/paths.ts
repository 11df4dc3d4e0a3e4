/**
 * Paths of secrets and folders. Every path that enters the server or the client goes through this file, so that one
 * secret has one spelling.
 *
 * @module
 */
import { utf8 } from "../../base/bytes.ts";
import { KeyringError } from "./problems.ts";

declare const canonical: unique symbol;

/** The path of a secret, for instance `db/prod/john`: segments that are joined by `/`. Made by {@linkcode secretPath}. */
export type SecretPath = string & { readonly [canonical]: "secret" };

/** The path of a folder: empty for the root, else it ends with `/`, for instance `db/prod/`. */
export type FolderPath = string & { readonly [canonical]: "folder" };

/** Limits of a path. */
export const pathLimits = {
  /** Maximum number of segments. */
  segments: 16,
  /** Maximum length of a segment in bytes of UTF-8. */
  segmentBytes: 128,
} as const;

/** C0 and C1 control characters, DEL, and the line and paragraph separators. */
// deno-lint-ignore no-control-regex
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * The path of a secret from a text that is not percent-encoded.
 *
 * @throws {KeyringError} `path_invalid`
 */
export function secretPath(text: string): SecretPath {
  if (text.endsWith("/")) throw invalid(text, "it ends with a slash, so it is a folder");
  checkSegments(text, text.split("/"));
  return text as SecretPath;
}

/**
 * The path of a folder, with or without its last slash. The empty text is the root.
 *
 * @throws {KeyringError} `path_invalid`
 */
export function folderPath(text: string): FolderPath {
  if (text === "") return text as FolderPath;
  const bare = text.endsWith("/") ? text.slice(0, -1) : text;
  checkSegments(text, bare.split("/"));
  return `${bare}/` as FolderPath;
}

/**
 * A path from the path of a URL: each segment is percent-decoded once. An encoded slash or NUL is refused, since other
 * programs before the server may take it for a separator or an end.
 *
 * @param encoded the part of the URL's path behind the route, without its first slash and without a query.
 * @returns the decoded text, for {@linkcode secretPath} or {@linkcode folderPath}.
 * @throws {KeyringError} `path_invalid`
 */
export function decodedPath(encoded: string): string {
  return encoded.split("/").map((segment) => decodedSegment(encoded, segment)).join("/");
}

/** The path for the path of a URL: each segment percent-encoded, with its slashes. */
export function urlPathOf(path: SecretPath | FolderPath): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** The segments of a path; none for the root. */
export function segmentsOf(path: SecretPath | FolderPath): readonly string[] {
  return path === "" ? [] : (path.endsWith("/") ? path.slice(0, -1) : path).split("/");
}

/** The folder that contains a secret or a folder; the root contains itself. */
export function parentOf(path: SecretPath | FolderPath): FolderPath {
  // A listing asks for each entry: nothing is split.
  const end = path.endsWith("/") ? path.length - 2 : path.length - 1;
  return path.slice(0, path.lastIndexOf("/", end) + 1) as FolderPath;
}

function decodedSegment(whole: string, segment: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    throw invalid(whole, "a percent sign in it does not begin two hexadecimal digits of UTF-8");
  }
  if (decoded.includes("/")) throw invalid(whole, "it has an encoded slash");
  return decoded;
}

function checkSegments(whole: string, segments: readonly string[]): void {
  if (segments.length > pathLimits.segments) throw invalid(whole, `it has more than ${pathLimits.segments} segments`);
  for (const segment of segments) {
    const why = refusalOf(segment);
    if (why !== undefined) throw invalid(whole, why);
  }
}

/** The reason why a segment is refused, as the end of a sentence. */
function refusalOf(segment: string): string | undefined {
  if (segment === "") return "a segment is empty";
  if (segment === "." || segment === "..") return `a segment is "${segment}"`;
  if (controls.test(segment)) return "it has a control character";
  if (!segment.isWellFormed()) return "it is not Unicode";
  if (segment.normalize("NFC") !== segment) return "it is not in Unicode's composed form (NFC)";
  if (utf8(segment).length > pathLimits.segmentBytes) return `a segment has more than ${pathLimits.segmentBytes} bytes`;
  return undefined;
}

const maxShown = 64;

function invalid(path: string, why: string): KeyringError {
  const start = path.length > maxShown ? `${path.slice(0, maxShown)}…` : path;
  const shown = JSON.stringify(start.toWellFormed()).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, "?");
  return new KeyringError("path_invalid", `The path ${shown} is refused: ${why}.`);
}

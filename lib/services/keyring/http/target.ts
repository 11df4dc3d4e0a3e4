/**
 * The target of a request as the client sent it. `URL` and routers decode percent signs and resolve dot segments; the
 * path of a secret must be taken before that, so that one secret has one spelling.
 *
 * @module
 */
import { decodedPath, type FolderPath, folderPath, type SecretPath, secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";

/** The two parts of a target, percent-encoded as they were sent. */
export interface RequestTarget {
  /** It begins with a slash and has no dot segment, also not a percent-encoded one. */
  readonly path: string;
  /** Without its question mark; empty if there is none. */
  readonly query: string;
}

/** Maximum length of a target: 16 segments of 128 bytes, each byte percent-encoded, and a query. */
const maxTarget = 8_192;

/**
 * Splits a target into path and query.
 *
 * @param raw the second word of the request line.
 * @throws {KeyringError} `path_invalid`
 */
export function requestTarget(raw: string): RequestTarget {
  if (raw.length > maxTarget) throw refused(`is longer than ${maxTarget} characters`);
  if (!raw.startsWith("/")) throw refused("does not begin with a slash");
  // The characters that a URL may contain (RFC 3986, section 2), but for the number sign: fragments are not sent.
  if (!/^[A-Za-z0-9\-._~:/?@!$&'()*+,;=%[\]]*$/.test(raw)) {
    throw refused("has a character that must be percent-encoded");
  }
  const mark = raw.indexOf("?");
  const path = mark < 0 ? raw : raw.slice(0, mark);
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(path)) throw refused("has a dot segment");
  return { path, query: mark < 0 ? "" : raw.slice(mark + 1) };
}

/** The path of the secret that the end of a target names. @throws {KeyringError} `path_invalid` */
export function secretInTarget(encoded: string): SecretPath {
  return secretPath(decodedPath(encoded));
}

/** The folder that the end of a target names; the root if it is empty. @throws {KeyringError} `path_invalid` */
export function folderInTarget(encoded: string): FolderPath {
  return folderPath(decodedPath(encoded));
}

/**
 * The parameters of a query.
 *
 * @throws {KeyringError} `request_invalid` if one is there twice or is not percent-encoded UTF-8.
 */
export function queryParameters(query: string): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const pair of query === "" ? [] : query.split("&")) {
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    if (found.has(name)) {
      throw new KeyringError("request_invalid", "The query is refused: it has a parameter twice; send each once.");
    }
    found.set(name, equals < 0 ? "" : decoded(pair.slice(equals + 1)));
  }
  return Object.fromEntries(found);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new KeyringError(
      "request_invalid",
      "The query is refused: a percent sign in it does not begin two hexadecimal digits of UTF-8.",
    );
  }
}

function refused(why: string): KeyringError {
  return new KeyringError("path_invalid", `The target of the request is refused: it ${why}.`);
}

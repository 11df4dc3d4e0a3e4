/**
 * The token of a machine's login, and the login that it came from.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import type { FileDocument } from "./private_file.ts";

/** A token of a login. Times are in milliseconds since the epoch. */
export interface LoginToken {
  readonly token: string;
  /** The time of the login, or of the last renewal, by the clock of this machine. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** No renewal makes it last longer. */
  readonly renewableUntil: number;
}

/** The methods of a machine's login, as the API names them, with their options. */
export const machineLoginMethods = { kubernetes: "--kubernetes", oidc: "--jwt" } as const;

/** A login of a machine, so that it can be repeated. */
export interface MachineLogin {
  readonly method: keyof typeof machineLoginMethods;
  readonly role: string;
  /** The configured name of the cluster or issuer, where the server has several. */
  readonly issuer?: string;
  /** The file of the JWT; a login with a JWT from standard input cannot be repeated. */
  readonly jwtFile?: string;
}

/** @throws {KmsError} `config` */
export function loginTokenOf({ token, issuedAt, expiresAt, renewableUntil }: FileDocument, path: string): LoginToken {
  if (
    typeof token === "string" && typeof issuedAt === "number" && typeof expiresAt === "number" &&
    typeof renewableUntil === "number"
  ) return { token, issuedAt, expiresAt, renewableUntil };
  throw new KmsError("config", `${path}: The file has no token of a login; log in again.`);
}

/** The login of a context's file; `undefined` if it has none. */
export function machineLoginOf(value: unknown): MachineLogin | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { method, role, issuer, jwtFile } = value as FileDocument;
  if ((method !== "kubernetes" && method !== "oidc") || typeof role !== "string") return undefined;
  return {
    method,
    role,
    ...(typeof issuer === "string" ? { issuer } : {}),
    ...(typeof jwtFile === "string" ? { jwtFile } : {}),
  };
}

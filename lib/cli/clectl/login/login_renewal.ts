/**
 * The renewal of one kind of credentials of a command, and the command that they belong to.
 *
 * @module
 */
import { line } from "../../terminal.ts";
import type { ClientCertificate, KeyringServer } from "../connection/transport.ts";
import type { ClectlCall } from "../options.ts";

/** A server whose credentials a renewal changes in place. */
export interface RenewedServer extends KeyringServer {
  certificate?: ClientCertificate;
  token?: string;
  ca?: string;
}

/** The command that a login belongs to. */
export interface LoginOwner {
  readonly call: ClectlCall;
  /** The name of the context. */
  readonly context: string;
  readonly server: RenewedServer;
  /** Milliseconds for a request. */
  readonly timeoutMs: number;
  /** Aborted at the end of the command. */
  readonly signal: AbortSignal;
}

/** The renewal of one kind of credentials. */
export interface LoginRenewal {
  readonly subject: "certificate" | "token";
  /**
   * Renews the credentials if they end soon. A failure is a warning as long as they are valid.
   *
   * @returns milliseconds until it is to be called again.
   * @throws {KmsError} `unauthenticated` if they have ended.
   */
  keepUp(): Promise<number>;
}

/** Says on standard error that something of a renewal failed, unless the command has ended. */
export function warnOfLogin(
  { call: { terminal, program }, context, signal }: LoginOwner,
  { subject }: Pick<LoginRenewal, "subject">,
  what: string,
  thrown: unknown,
): void {
  if (signal.aborted) return;
  const why = thrown instanceof Error ? thrown.message : "the failure is unknown.";
  line(terminal.stderr, `${program.name}: The ${subject} of "${context}" ${what}: ${why}`);
}

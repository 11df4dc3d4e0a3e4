/**
 * Renewal of a client certificate that ends soon.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { KmsError } from "../../../base/errors.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { line } from "../../terminal.ts";
import { KeyringClient } from "../connection/client.ts";
import type { ClientCertificate, KeyringServer } from "../connection/transport.ts";
import type { ChosenServer } from "../contexts/chosen_server.ts";
import type { ClectlCall } from "../options.ts";
import { certificateOf } from "./certificate_answer.ts";
import { newClientKey } from "./client_key.ts";
import { storeRenewal } from "./stored_renewal.ts";

/** A certificate is renewed when it has less than this left: three days, in milliseconds. */
const renewBeforeMs = 3 * 86_400_000;

/**
 * The server with a certificate that lasts. A renewal that fails is a warning as long as the old certificate is valid.
 *
 * @throws {KmsError} `unauthenticated` if the certificate has ended.
 */
export async function renewed(chosen: ChosenServer, call: ClectlCall, timeoutMs: number): Promise<KeyringServer> {
  const { server, context } = chosen;
  const { terminal, program } = call;
  if (server.certificate === undefined || context === undefined) return server;
  const left = endOf(server.certificate, context) - terminal.clock.wall();
  if (left <= 0) {
    const how = `log in again with "${program.name} login", or look at the clock of this machine`;
    throw new KmsError("unauthenticated", `The certificate of the context "${context}" has ended: ${how}.`);
  }
  if (left >= renewBeforeMs) return server;
  try {
    return await renew(server, context, call, timeoutMs);
  } catch (thrown) {
    if (!(thrown instanceof KmsError || thrown instanceof KeyringError)) throw thrown;
    line(
      terminal.stderr,
      `${program.name}: The certificate of "${context}" ends soon and is not renewed: ${thrown.message}`,
    );
    return server;
  }
}

async function renew(
  server: KeyringServer,
  context: string,
  call: ClectlCall,
  timeoutMs: number,
): Promise<KeyringServer> {
  const { key, publicKey } = newClientKey();
  using client = new KeyringClient(server, call.terminal.signal, timeoutMs);
  const body = JSON.stringify({ publicKey });
  const { certificate, ca } = await client.json({ method: "POST", path: "renew", body }, certificateOf);
  const identity = { certificate, key };
  await storeRenewal({ server, context, ca, write: (contexts) => contexts.writeIdentity(context, identity) }, call);
  return { ...server, ...(ca === undefined ? {} : { ca }), certificate: identity };
}

/** The end of a certificate in milliseconds since the epoch. @throws {KmsError} `config` */
function endOf({ certificate }: ClientCertificate, context: string): number {
  try {
    return Date.parse(new X509Certificate(certificate).validTo);
  } catch (cause) {
    throw new KmsError("config", `The certificate of the context "${context}" cannot be read: log in again.`, {
      cause,
    });
  }
}

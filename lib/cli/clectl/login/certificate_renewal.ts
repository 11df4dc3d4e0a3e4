/**
 * The renewal of a person's client certificate when it ends soon: by a new key, or by the certificate that another command
 * of the same person has got meanwhile.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { KmsError } from "../../../base/errors.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { KeyringClient } from "../connection/client.ts";
import type { ClientCertificate } from "../connection/transport.ts";
import { type Context, Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import { certificateOf } from "./certificate_answer.ts";
import { newClientKey } from "./client_key.ts";
import { type LoginOwner, type LoginRenewal, warnOfLogin } from "./login_renewal.ts";
import { isContextOf, storeRenewal } from "./stored_renewal.ts";

/** A certificate is renewed when it has less than this left: three days, in milliseconds. */
const renewBeforeMs = 3 * 86_400_000;

/**
 * Milliseconds between two attempts while a command runs, and the longest delay of the first one: commands of one person
 * that run side by side take the certificate of the first of them.
 */
const retryMs = 3_600_000;

/** The parts of a certificate that a renewal depends on. Times are in milliseconds since the epoch. */
interface CertificateFacts {
  readonly from: number;
  readonly until: number;
  /** Store and enrolment. */
  readonly names: string;
}

/** See the module. */
export class CertificateRenewal implements LoginRenewal {
  readonly subject = "certificate";
  readonly #owner: LoginOwner;
  /** The certificates of this command: a certificate of another login is not replaced by one of them. */
  readonly #own = new Set<string>();
  #facts: CertificateFacts;

  /** @throws {KmsError} `config` if the certificate cannot be read. */
  constructor(owner: LoginOwner, { certificate }: ClientCertificate) {
    this.#owner = owner;
    this.#facts = factsOf(certificate, owner.context);
    this.#own.add(certificate);
  }

  async keepUp(): Promise<number> {
    const { signal, context, call: { program } } = this.#owner;
    if (!this.#isDue()) return this.#untilDue();
    const hasEnded = this.#left() <= 0;
    try {
      await this.#takeStored();
      if (this.#left() <= 0) {
        const how = `log in again with "${program.name} login", or look at the clock of this machine`;
        throw new KmsError("unauthenticated", `The certificate of the context "${context}" has ended: ${how}.`);
      }
      if (this.#isDue()) await this.#renew();
    } catch (thrown) {
      const isKnown = thrown instanceof KmsError || thrown instanceof KeyringError;
      if (signal.aborted || hasEnded || !isKnown) throw thrown;
      warnOfLogin(this.#owner, this, "ends soon and is not renewed", thrown);
    }
    return this.#untilDue();
  }

  #left(): number {
    return this.#facts.until - this.#owner.call.terminal.clock.wall();
  }

  /** A certificate that never had three days was made at the end of its enrolment: another one ends with it. */
  #isDue(): boolean {
    const { from, until } = this.#facts;
    return this.#left() <= 0 || (this.#left() < renewBeforeMs && until - from > renewBeforeMs);
  }

  #untilDue(): number {
    const { from, until } = this.#facts;
    const ms = until - from > renewBeforeMs ? this.#left() - renewBeforeMs : this.#left();
    return Math.max(0, ms) + retryMs * (1 - Math.random() / 2);
  }

  /** Another command may have renewed the same enrolment: its certificate lasts longer, and four at most are valid. */
  async #takeStored(): Promise<void> {
    const { context, server, call: { terminal } } = this.#owner;
    const contexts = new Contexts(requiredFolders(terminal.environment));
    const [stored, found] = [await contexts.identity(context), await contexts.find(context)];
    if (stored === undefined || !isContextOf(found, server)) return;
    const facts = factsOf(stored.certificate, context);
    if (facts.names !== this.#facts.names || facts.until <= this.#facts.until) return;
    this.#use(stored, found.ca);
  }

  async #renew(): Promise<void> {
    const { call, server, context, timeoutMs, signal } = this.#owner;
    const { key, publicKey } = newClientKey();
    using client = new KeyringClient(server, signal, timeoutMs);
    const body = JSON.stringify({ publicKey });
    const { certificate, ca } = await client.json({ method: "POST", path: "renew", body }, certificateOf);
    const identity = { certificate, key };
    const before = new Set(this.#own);
    this.#use(identity, ca);
    await storeRenewal({
      server,
      context,
      ca,
      isHeld: async (contexts) => before.has((await contexts.identity(context))?.certificate ?? ""),
      write: (contexts) => contexts.writeIdentity(context, identity),
    }, call);
  }

  #use(identity: ClientCertificate, ca: Context["ca"]): void {
    const { server, context } = this.#owner;
    this.#facts = factsOf(identity.certificate, context);
    this.#own.add(identity.certificate);
    server.certificate = identity;
    if (ca !== undefined) server.ca = ca;
  }
}

/** @throws {KmsError} `config` */
function factsOf(certificate: string, context: string): CertificateFacts {
  try {
    const { validFrom, validTo, subjectAltName = "" } = new X509Certificate(certificate);
    return { from: Date.parse(validFrom), until: Date.parse(validTo), names: subjectAltName };
  } catch (cause) {
    throw new KmsError("config", `The certificate of the context "${context}" cannot be read: log in again.`, {
      cause,
    });
  }
}

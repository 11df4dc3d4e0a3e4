/**
 * `clectl` against the API of a whole keyring, over a Unix socket and over TLS.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { systemClock } from "../../lib/base/clock.ts";
import { openTlsListener, type TlsListener } from "../../lib/services/keyring/http/tls_listener.ts";
import { openUnixListener } from "../../lib/services/keyring/http/unix_listener.ts";
import { type ClectlTerminalOptions, type Ran, runClectl } from "./clectl_terminal.ts";
import { TestKeyring, type TestKeyringOptions } from "./keyring_api.ts";

const never = new AbortController().signal;

/** A keyring on the admin socket and on a port, and a home of a user. */
export class ClectlStage implements AsyncDisposable {
  readonly keyring: TestKeyring;
  readonly folder: string;
  readonly url: string;
  /** SHA-256 of the authority's public key. */
  readonly fingerprint: string;
  /** Certificate of the server and its authority, PEM. */
  readonly chain: string;
  readonly #unix: AsyncDisposable;
  readonly #tls: TlsListener;

  private constructor(keyring: TestKeyring, folder: string, chain: string, unix: AsyncDisposable, tls: TlsListener) {
    this.keyring = keyring;
    this.folder = folder;
    this.url = `https://localhost:${tls.port}`;
    this.chain = chain;
    this.#unix = unix;
    this.#tls = tls;
    const [, last = ""] = /(-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----)\s*$/.exec(chain) ?? [];
    const key = new X509Certificate(last).publicKey.export({ type: "spki", format: "der" });
    this.fingerprint = createHash("sha256").update(key).digest("hex");
  }

  /** Opens the keyring; its health and clients use the machine's clock if none is given. */
  static async open(options: TestKeyringOptions = {}): Promise<ClectlStage> {
    const folder = await Deno.makeTempDir();
    const keyring = await TestKeyring.open(folder, options);
    const { answer, authority } = keyring;
    const { key, chain } = await authority.serverCertificate(["localhost"], never);
    const path = `${folder}/admin/admin.sock`;
    const unix = await openUnixListener({
      path,
      mode: 0o600,
      socket: "admin",
      answer,
      clock: systemClock,
      notify: () => {},
    });
    const tls = await openTlsListener({ host: "127.0.0.1", port: 0, key, chain, answer, clock: systemClock });
    return new ClectlStage(keyring, folder, chain, unix, tls);
  }

  /** Has the server show a new certificate, as it does every 60 days. @returns its chain, PEM. */
  async renewCertificate(): Promise<string> {
    const pair = await this.keyring.authority.serverCertificate(["localhost"], never);
    this.#tls.renew(pair);
    return pair.chain;
  }

  /** Runs a command at the admin socket. */
  admin(line: string, options: ClectlTerminalOptions = {}): Promise<Ran> {
    const variables = { CLECTL_ADDRESS: `unix://${this.folder}/admin/admin.sock` };
    return runClectl(line.split(" "), { ...options, variables });
  }

  /** Runs a command as a person with a home. */
  person(line: string, options: ClectlTerminalOptions = {}): Promise<Ran> {
    return runClectl(line.split(" "), { ...options, variables: { HOME: `${this.folder}/home` } });
  }

  async file(name: string, content: string): Promise<string> {
    const path = `${this.folder}/${name}`;
    await Deno.writeTextFile(path, content);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of [this.#unix, this.#tls]) await listener[Symbol.asyncDispose]();
    await this.keyring[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The end of a command that has ended with 0. */
export function well(ran: Ran): Ran {
  equal(ran.status, 0, ran.err);
  return ran;
}

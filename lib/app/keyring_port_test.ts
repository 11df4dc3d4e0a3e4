import { deepEqual, equal, match } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:tls";
import { TestStore } from "../../tests/support/keyring_store.ts";
import { freePort } from "../../tests/support/processes.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { systemClock } from "../base/clock.ts";
import { CertificateAuthority } from "../services/keyring/identity/certificate_authority.ts";
import type { Event } from "../telemetry/events.ts";
import { KeyringPort } from "./keyring_port.ts";

const { signal } = new AbortController();

/** A port with its state in a folder. */
class PortStage implements AsyncDisposable {
  readonly #store = new TestStore({ clock: systemClock });
  readonly #events: Event[] = [];
  readonly authority = new CertificateAuthority({ store: this.#store.store, clock: systemClock });
  readonly number = freePort();
  readonly port: KeyringPort;

  constructor(state: string) {
    const listen = { hostname: "127.0.0.1", port: this.number };
    this.port = new KeyringPort({
      config: { listen, tls: { names: [], files: undefined }, state },
      answer: () => Promise.resolve({ status: 200, headers: {}, body: "" }),
      notify: (event) => void this.#events.push(event),
    });
  }

  get warnings(): readonly string[] {
    return this.#events.flatMap((event) =>
      event.type === "lifecycle" && event.action === "warning" ? [event.message] : []
    );
  }

  /** Connects, and verifies the certificate by the authorities of the store. @returns its serial number. */
  async handshake(): Promise<string> {
    const ca = await this.authority.trusted(signal);
    const client = connect({ host: "127.0.0.1", port: this.number, servername: "localhost", ca });
    await once(client, "secureConnect");
    const { serialNumber } = client.getPeerCertificate();
    client.destroy();
    return serialNumber;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.port.close(0);
    await this.#store[Symbol.asyncDispose]();
  }
}

Deno.test("keepUp() serves and renews while ca.pem cannot be written, warns once, and writes it once it can", () =>
  inFolder(async (state) => {
    await using stage = new PortStage(state);
    const { port, authority } = stage;
    await Deno.mkdir(`${state}/ca.pem`);
    await port.keepUp(authority, signal);
    await stage.handshake();
    equal(port.isMissing, false);
    match(port.failure ?? "", /^Cannot write the certificates of the authorities to .*\/ca\.pem: /);

    await Deno.remove(`${state}/tls.pem`);
    await port.keepUp(authority, signal);
    match(await Deno.readTextFile(`${state}/tls.pem`), /^-----BEGIN PRIVATE KEY-----/);
    await stage.handshake();
    deepEqual(stage.warnings, [port.failure]);

    await Deno.remove(`${state}/ca.pem`);
    await port.keepUp(authority, signal);
    equal(port.failure, undefined);
    equal(await Deno.readTextFile(`${state}/ca.pem`), await authority.trusted(signal));
  }));

Deno.test("keepUp() serves with a certificate in memory while tls.pem cannot be written, and warns once", () =>
  inFolder(async (state) => {
    await using stage = new PortStage(state);
    const { port, authority } = stage;
    await Deno.mkdir(`${state}/tls.pem`);
    await port.keepUp(authority, signal);
    equal(port.isMissing, false);
    match(port.failure ?? "", /^Cannot write the TLS key .*\/tls\.pem: /);
    const first = await stage.handshake();
    equal(await Deno.readTextFile(`${state}/ca.pem`), await authority.trusted(signal));

    await port.keepUp(authority, signal);
    equal(await stage.handshake(), first, "one certificate is made");
    deepEqual(stage.warnings, [port.failure]);

    await Deno.remove(`${state}/tls.pem`);
    await port.keepUp(authority, signal);
    equal(port.failure, undefined);
    equal(await stage.handshake(), first);
    match(await Deno.readTextFile(`${state}/tls.pem`), /^-----BEGIN PRIVATE KEY-----/);
  }));

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import { Authority, type Pair } from "../../../tests/support/certificates.ts";
import { patient, refusedWith } from "../../../tests/support/vault_settings.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { HttpsEndpoint, type TlsMaterial } from "./endpoint.ts";

const call = { ...patient, action: 'probe with provider "vault-eu"' };
const get = { method: "GET", path: "/v1/sys/health", headers: { "x-vault-token": "canary" } } as const;
const authority = new Authority();
const good = { commonName: "vault", names: ["127.0.0.1"] };

/** Timers with thirty times their delay: a busy machine can need longer than a second to read a certificate. */
const slowTimers: Clock = { ...systemClock, after: (ms, fire) => systemClock.after(30 * ms, fire) };

function endpoint(address: string, changes: Partial<TlsMaterial> = {}): HttpsEndpoint {
  const material = {
    ca: authority.certificate,
    certificate: undefined,
    key: undefined,
    serverName: undefined,
    clock: slowTimers,
  };
  return new HttpsEndpoint("Vault", address, { ...material, trusted: "/etc/trousseau/ca.pem", ...changes });
}

/** A TLS server that records all that clients send inside TLS, and sends no response. */
class Listening implements Disposable {
  connections = 0;
  received = "";
  readonly address: string;
  readonly #listener: Deno.TlsListener;

  constructor({ certificate: cert, key }: Pair) {
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
    this.address = `https://127.0.0.1:${this.#listener.addr.port}`;
    void this.#accept().catch(() => {});
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.connections++;
      // Reading to the end closes the connection.
      void this.#read(connection).catch(() => {});
    }
  }

  async #read(connection: Deno.TlsConn): Promise<void> {
    await connection.handshake();
    for await (const chunk of connection.readable) this.received += new TextDecoder("latin1").decode(chunk);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

/** A server that answers the first bytes of each connection with given bytes and closes it. */
function answering(bytes: Uint8Array): { readonly port: number } & Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serve = async (connection: Deno.Conn) => {
    await connection.read(new Uint8Array(4096));
    await connection.write(bytes);
    connection.close();
  };
  void (async () => {
    for await (const connection of listener) void serve(connection).catch(() => {});
  })().catch(() => {});
  return { port: listener.addr.port, [Symbol.dispose]: () => listener.close() };
}

const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

Deno.test("ask() distinguishes the causes for a refused certificate, and sends nothing to find them", async () => {
  const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ";
  const cases: readonly (readonly [Pair, RegExp])[] = [
    [
      authority.issue({ ...good, days: -2 }),
      new RegExp(
        `has a certificate that expired at ${time}; this machine's clock says ${time}: renew .* set the clock\\.$`,
      ),
    ],
    [
      authority.issue({ ...good, from: 2, days: 9 }),
      new RegExp(`that is not valid before ${time}; this machine's clock says ${time}: look at the clock\\.$`),
    ],
    [
      new Authority("Somebody else").issue(good),
      /that the authorities in \/etc\/trousseau\/ca\.pem did not issue \(its issuer calls itself "Somebody else"\)/,
    ],
    [
      new Authority("\u001b[2J").issue(good),
      /that the authorities in \/etc\/trousseau\/ca\.pem did not issue: add its authority \(tls\.caFile\)/,
    ],
    [
      authority.issue({ ...good, names: ["vault.example", "vault.test"] }),
      /has a certificate for another name than 127\.0\.0\.1 \(it is for vault\.example, vault\.test\); use an address/,
    ],
  ];
  for (const [pair, sentence] of cases) {
    using server = new Listening(pair);
    using vault = endpoint(server.address);
    await assert.rejects(vault.ask(get, call), refusedWith("unreachable", sentence));
    assert.equal(server.received, "");
  }
});

Deno.test("ask() reads a refused certificate once for many failures, and again after a success", async () => {
  using server = new Listening(authority.issue({ ...good, days: -2 }));
  using vault = endpoint(server.address);
  for (let at = 1; at <= 5; at++) {
    await assert.rejects(vault.ask(get, call), refusedWith("unreachable", /expired at/));
    assert.equal(server.connections, at + 1);
  }
});

Deno.test("ask() names the system's CA certificates if there is no CA file", async () => {
  using server = new Listening(authority.issue(good));
  using vault = endpoint(server.address, {
    ca: new Authority().certificate,
    trusted: "/etc/ssl/cert.pem (the system's)",
  });
  const sentence = /authorities in \/etc\/ssl\/cert\.pem \(the system's\) did not issue .*\(tls\.caFile\)/;
  await assert.rejects(vault.ask(get, call), refusedWith("unreachable", sentence));
});

Deno.test("ask() advises https:// if a plain request met TLS, and http:// if TLS met a plain server", async () => {
  const pair = authority.issue(good);
  await using tls = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: pair.certificate,
    key: pair.key,
    onListen() {},
  }, () => new Response());
  await using plain = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response());
  const go = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
  const page = "<center>The plain HTTP request was sent to HTTPS port</center>";
  const nginx = `HTTP/1.1 400 Bad Request\r\nContent-Length: ${page.length}\r\n\r\n${page}`;
  using vault = answering(latin1(go));
  using front = answering(latin1(nginx));
  using silent = answering(latin1(""));
  for (const port of [tls.addr.port, vault.port, front.port, silent.port]) {
    using wrong = endpoint(`http://127.0.0.1:${port}`);
    await assert.rejects(wrong.ask(get, call), refusedWith("unreachable", /TLS on this port[;,] write https:\/\/\.$/));
  }
  using wrong = endpoint(`https://127.0.0.1:${plain.addr.port}`);
  await assert.rejects(
    wrong.ask(get, call),
    refusedWith("unreachable", /speaks no TLS on this port; write http:\/\/ /),
  );
  using other = answering(latin1("220 smtp.example ESMTP\r\n"));
  using mail = endpoint(`http://127.0.0.1:${other.port}`);
  await assert.rejects(mail.ask(get, call), refusedWith("unreachable", /answered what is no HTTP\.$/));
});

Deno.test("ask() has a phrase for each fatal alert of TLS", async () => {
  const client = authority.issue({ commonName: "trousseau" });
  const material = { certificate: client.certificate, key: client.key };
  const cases = [
    [40, /has no TLS cipher in common/, /has no TLS cipher in common/],
    [70, /has no TLS version in common .* 1\.2 and 1\.3/, /has no TLS version in common/],
    [71, /refuses the TLS ciphers of Trousseau as too weak/, /as too weak/],
    [112, /serves no such name/, /serves no such name/],
    [80, /internal_error/, /internal_error/],
    [116, /wants a client certificate .*tls\.certificateFile and tls\.keyFile/, /refuses the client certificate/],
    [42, /wants a client certificate/, /refuses the client certificate .* malformed/],
    [45, /wants a client certificate/, /refuses the client certificate .* expired/],
    [48, /wants a client certificate/, /refuses the client certificate .* does not trust its issuer/],
    [49, /wants a client certificate/, /refuses the client certificate .* no access/],
  ] as const;
  for (const [alert, without, with_] of cases) {
    using server = answering(Uint8Array.of(21, 3, 3, 0, 2, 2, alert));
    using bare = endpoint(`https://127.0.0.1:${server.port}`);
    await assert.rejects(bare.ask(get, call), refusedWith("unreachable", without));
    using shown = endpoint(`https://127.0.0.1:${server.port}`, material);
    await assert.rejects(shown.ask(get, call), refusedWith("unreachable", with_));
  }
});

Deno.test("ask() reports that a client certificate is required, in TLS 1.3 and 1.2", async () => {
  const pair = authority.issue(good);
  for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
    const server = createServer({
      cert: pair.certificate,
      key: pair.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version,
    }, (_, answer) => answer.end("{}"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const port = (server.address() as { readonly port: number }).port;
    try {
      using bare = endpoint(`https://127.0.0.1:${port}`);
      await assert.rejects(bare.ask(get, call), refusedWith("unreachable", /wants a client certificate/), version);
    } finally {
      server.close();
    }
  }
});

Deno.test("ask() names the silent server, the seconds, and whether there was a connection", async () => {
  using server = new Listening(authority.issue(good));
  using vault = endpoint(server.address);
  const signal = AbortSignal.timeout(300);
  const sentence =
    /^Cannot probe with provider "vault-eu": Vault at https:\/\/127\.0\.0\.1:\d+ did not answer within 0\.\d s\.$/;
  await assert.rejects(vault.ask(get, { ...call, signal }), refusedWith("deadline_exceeded", sentence));
  // A listener that accepts nothing: the handshake never ends.
  using dead = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using unheard = endpoint(`https://127.0.0.1:${dead.addr.port}`);
  const late = { ...call, signal: AbortSignal.timeout(300) };
  const unconnected =
    /did not answer within 0\.\d s: there is no connection yet; look at the address, routes and firewalls\.$/;
  await assert.rejects(unheard.ask(get, late), refusedWith("deadline_exceeded", unconnected));
});

import assert from "node:assert/strict";
import { Authority } from "../../../tests/support/certificates.ts";
import { ConnectProxy } from "../../../tests/support/connect_proxy.ts";
import { waitFor } from "../../../tests/support/processes.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { fileSource } from "../../config/secrets.ts";
import { HttpClient } from "./client.ts";
import { HttpsEndpoint, type TlsMaterial } from "./endpoint.ts";
import type { Proxy } from "./tunnel.ts";

const call = { ...patient, action: 'probe with provider "cloud"' };
const get = { method: "GET", path: "/keys", headers: { authorization: "Bearer canary-token" } } as const;
const authority = new Authority();
const pair = authority.issue({ commonName: "kms", names: ["kms.test", "127.0.0.1"] });

/** A TLS server that counts its connections. */
class Server implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #peers = new Set<string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor({ certificate: cert, key } = pair) {
    const options = { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} };
    this.#server = Deno.serve(options, (request, { remoteAddr }) => {
      this.asked.push(new URL(request.url).hostname);
      this.#peers.add(`${remoteAddr.port}`);
      return Response.json({ connections: this.#peers.size });
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function endpoint(proxy: Proxy, changes: Partial<TlsMaterial> = {}, address = "https://kms.test:8200"): HttpsEndpoint {
  const material = { ca: authority.certificate, certificate: undefined, key: undefined, serverName: undefined, proxy };
  return new HttpsEndpoint("Vault", address, { ...material, ...changes });
}

const through = ({ origin }: ConnectProxy): Proxy => ({ origin, authorization: undefined });

Deno.test("Endpoint.ask() uses a tunnel through a proxy, keeps it, and the proxy sees no plaintext", async () => {
  await using server = new Server();
  using proxy = new ConnectProxy(server.port);
  using kms = endpoint(through(proxy));
  assert.deepEqual((await kms.ask(get, call)).body, { connections: 1 });
  assert.deepEqual((await kms.ask(get, call)).body, { connections: 1 });
  assert.deepEqual(proxy.heads, ["CONNECT kms.test:8200 HTTP/1.1\r\nHost: kms.test:8200\r\n\r\n"]);
  assert.deepEqual(server.asked, ["kms.test", "kms.test"]);
  assert.ok(proxy.carried.length > 0 && !proxy.carried.includes("canary"));
});

Deno.test("Endpoint.ask() checks the server's certificate through a proxy as without one", async () => {
  const other = authority.issue({ commonName: "other", names: ["other.test"] });
  const foreign = new Authority().issue({ commonName: "kms", names: ["kms.test"] });
  const cases = [[other, /has a certificate for another name/], [foreign, /authorities in .* did not issue/]] as const;
  for (const [shown, sentence] of cases) {
    await using server = new Server(shown);
    using proxy = new ConnectProxy(server.port);
    using kms = endpoint(through(proxy));
    await assert.rejects(kms.ask(get, call), refusedWith("unreachable", sentence));
    assert.deepEqual(server.asked, []);
  }
  await using server = new Server(other);
  using proxy = new ConnectProxy(server.port);
  using named = endpoint(through(proxy), { serverName: "other.test" });
  assert.equal((await named.ask(get, call)).status, 200);
  await using addressed = new Server(authority.issue({ commonName: "kms", names: ["192.0.2.7"] }));
  using second = new ConnectProxy(addressed.port);
  using byAddress = endpoint(through(second), {}, "https://192.0.2.7:8200");
  assert.equal((await byAddress.ask(get, call)).status, 200);
  using wrongAddress = endpoint(through(second), {}, "https://192.0.2.8:8200");
  await assert.rejects(wrongAddress.ask(get, call), refusedWith("unreachable", /certificate for another name/));
});

Deno.test("Endpoint.ask() states in one sentence why a proxy opens no tunnel", async () => {
  await using server = new Server();
  using proxy = new ConnectProxy(server.port);
  const cases = [
    [
      { answer: "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n" },
      "it answered 407 (it wants a login, or another one)",
    ],
    [{ answer: "HTTP/1.1 502 Bad Gateway\r\n\r\n" }, "it answered 502"],
    [{ answer: "SSH-2.0-OpenSSH\r\n\r\n" }, "it answered what is no HTTP"],
    [{ answer: "x".repeat(9000) }, "it answered what is no HTTP"],
    [{ answer: "HTTP/1.1 200 OK\r\n\r\nearly" }, "it answered what is no HTTP"],
    ["hangup", "it closed the connection"],
  ] as const;
  for (const [fault, why] of cases) {
    proxy.fault = fault;
    using kms = endpoint(through(proxy));
    const sentence =
      `Cannot probe with provider "cloud": Vault at https://kms.test:8200 cannot be reached through the proxy ` +
      `${proxy.origin}: ${why}.`;
    await assert.rejects(kms.ask(get, call), { code: "unreachable", message: sentence });
  }
  using dead = endpoint({ origin: "http://127.0.0.1:1", authorization: undefined });
  await assert.rejects(dead.ask(get, call), { message: /proxy http:\/\/127\.0\.0\.1:1: it refused the connection\.$/ });
  assert.deepEqual(server.asked, []);
});

Deno.test("Endpoint.ask() cancels a tunnel with its call, and leaves no connection open", async () => {
  await using server = new Server();
  using proxy = new ConnectProxy(server.port);
  proxy.fault = "silent";
  using kms = endpoint(through(proxy));
  await assert.rejects(kms.ask(get, { ...call, ...within(100) }), refusedWith("deadline_exceeded"));
  await waitFor("the proxy to see it go", () => proxy.ended === 1, { timeoutMs: 4000, everyMs: 10 });
});

Deno.test("Endpoint.ask() reaches a proxy over TLS with its CA certificate", async () => {
  await using server = new Server();
  using trusted = new ConnectProxy(server.port, authority.issue({ commonName: "proxy", names: ["127.0.0.1"] }));
  using kms = endpoint(through(trusted));
  assert.equal((await kms.ask(get, call)).status, 200);
  using foreign = new ConnectProxy(server.port, new Authority().issue({ commonName: "proxy", names: ["127.0.0.1"] }));
  using other = endpoint(through(foreign));
  await assert.rejects(
    other.ask(get, call),
    refusedWith("unreachable", /through the proxy .*authorities in .* did not issue/),
  );
  assert.deepEqual(foreign.heads, []);
});

Deno.test("Endpoint.ask() reaches this machine without the proxy", async () => {
  await using server = new Server();
  using proxy = new ConnectProxy(server.port);
  using kms = endpoint(through(proxy), {}, `https://127.0.0.1:${server.port}`);
  assert.equal((await kms.ask(get, call)).status, 200);
  assert.deepEqual(proxy.heads, []);
});

Deno.test("HttpClient.ask() logs in to the proxy, and uses a replaced password", async () => {
  await inFolder(async (folder) => {
    await using server = new Server();
    using proxy = new ConnectProxy(server.port);
    const [caFile, passwordFile] = [`${folder}/ca.pem`, `${folder}/password`];
    await Deno.writeTextFile(caFile, authority.certificate);
    await Deno.writeTextFile(passwordFile, "old");
    const login = { username: "user", password: fileSource(passwordFile) };
    const kms = { name: "Key Vault", origin: "https://kms.test" };
    using client = await HttpClient.open("cloud", [kms], { caFile, proxy: { address: proxy.origin, login } }, () => {});
    const asked = { ...get, once: true };
    assert.equal((await client.ask(kms, asked, call)).status, 200);
    await Deno.writeTextFile(passwordFile, "new");
    proxy.fault = { answer: "HTTP/1.1 407 No\r\n\r\n" };
    await assert.rejects(client.ask(kms, asked, call), refusedWith("unreachable", /407/));
    proxy.fault = undefined;
    assert.equal((await client.ask(kms, asked, call)).status, 200);
    const sent = proxy.heads.map((head) => /^Proxy-Authorization: Basic (.*)$/m.exec(head)?.[1]?.trim());
    assert.deepEqual([...new Set(sent)], [btoa("user:old"), btoa("user:new")]);
    assert.ok(!Deno.inspect(client, { depth: 9 }).includes(btoa("user:new")));
  });
});

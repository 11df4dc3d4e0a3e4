import assert from "node:assert/strict";
import { Authority, type Pair } from "../../../tests/support/certificates.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { Waits } from "../../base/waits.ts";
import { HttpClient, type Server } from "./client.ts";
import { form, jsonRequest } from "./endpoint.ts";

const call = { ...patient, action: 'probe with provider "cloud"' };
const get = { method: "GET", path: "/keys?api-version=1", headers: { authorization: "Bearer t" } } as const;

/** A server that echoes requests. */
function echo(pair: Pair, port = 0): { readonly server: Server; readonly port: number } & AsyncDisposable {
  const options = { hostname: "127.0.0.1", port, cert: pair.certificate, key: pair.key, onListen() {} };
  const served = Deno.serve(options, async (request) =>
    Response.json({
      method: request.method,
      path: request.url.slice(new URL(request.url).origin.length),
      authorization: request.headers.get("authorization"),
      type: request.headers.get("content-type"),
      body: await request.text(),
    }, { headers: { "metadata-flavor": "test" } }));
  return {
    server: { name: "Key Vault", origin: `https://127.0.0.1:${served.addr.port}` },
    port: served.addr.port,
    [Symbol.asyncDispose]: () => served.shutdown(),
  };
}

function pairOf(authority: Authority): Pair {
  return authority.issue({ commonName: "kms", names: ["127.0.0.1"] });
}

Deno.test("ask() sends path, headers and body unchanged, and returns status, JSON and headers", async () => {
  await inFolder(async (folder) => {
    const authority = new Authority();
    const caFile = `${folder}/ca.pem`;
    await Deno.writeTextFile(caFile, authority.certificate);
    await using kms = echo(pairOf(authority));
    using client = await HttpClient.open("cloud", [kms.server], { caFile }, () => {});
    const plain = await client.ask(kms.server, get, call);
    assert.deepEqual([plain.status, plain.headers["metadata-flavor"], plain.retryAfterMs], [200, "test", undefined]);
    const asked = { method: "GET", path: "/keys?api-version=1", authorization: "Bearer t", type: null, body: "" };
    assert.deepEqual(plain.body, asked);
    const posted = { method: "POST", path: "/token", headers: {} } as const;
    const sent = { ...asked, method: "POST", path: "/token", authorization: null };
    for (
      const [body, type, text] of [
        [jsonRequest({ a: "é" }), "application/json", '{"a":"é"}'],
        [
          form({ scope: "a b", secret: "x&y=é" }),
          "application/x-www-form-urlencoded",
          "scope=a+b&secret=x%26y%3D%C3%A9",
        ],
      ] as const
    ) {
      assert.deepEqual((await client.ask(kms.server, { ...posted, body }, call)).body, { ...sent, type, body: text });
    }
  });
});

Deno.test("ask() names the server in errors", async () => {
  await inFolder(async (folder) => {
    const authority = new Authority();
    const caFile = `${folder}/ca.pem`;
    await Deno.writeTextFile(caFile, authority.certificate);
    const kms = echo(pairOf(authority));
    await kms[Symbol.asyncDispose]();
    using client = await HttpClient.open("cloud", [kms.server], { caFile }, () => {});
    const sentence =
      /^Cannot probe with provider "cloud": Key Vault at https:\/\/127\.0\.0\.1:\d+ refused the connection\.$/;
    await assert.rejects(client.ask(kms.server, get, call), refusedWith("unreachable", sentence));
    await assert.rejects(
      client.ask(kms.server, get, { ...call, signal: AbortSignal.abort() }),
      refusedWith("cancelled"),
    );
  });
});

Deno.test("ask() rejects a secret that a header cannot contain, without showing it, and leaves no pending wait", async () => {
  const waits = new Waits();
  const server = { name: "Key Vault", origin: "http://127.0.0.1:1" };
  using client = await HttpClient.open("cloud", [server], {}, () => {}, waits);
  for (const secret of ["canary\ncanary", "canary\u2013canary"]) {
    await assert.rejects(client.ask(server, { ...get, headers: { authorization: `Bearer ${secret}` } }, call), {
      code: "config",
      message: 'Cannot probe with provider "cloud": the secret for Key Vault at http://127.0.0.1:1 holds a character ' +
        "that cannot be sent, such as a line break or a dash of a word processor; write it anew into its file or variable.",
    });
  }
  assert.equal(waits.silent(0), undefined);
});

Deno.test("ask() uses a replaced CA file, for every server", async () => {
  await inFolder(async (folder) => {
    const [old, next] = [new Authority(), new Authority()];
    const caFile = `${folder}/ca.pem`;
    await Deno.writeTextFile(caFile, old.certificate);
    const before = echo(pairOf(old));
    await using other = echo(pairOf(next));
    using client = await HttpClient.open("cloud", [before.server, other.server], { caFile }, () => {});
    assert.equal((await client.ask(before.server, get, call)).status, 200);
    const untrusted = refusedWith("unreachable", /authorities in .* did not issue/);
    await assert.rejects(client.ask(other.server, get, call), untrusted);
    await before[Symbol.asyncDispose]();
    await using after = echo(pairOf(next), before.port);
    await Deno.writeTextFile(caFile, next.certificate);
    assert.equal((await client.ask(after.server, get, { ...call, ...within(5000) })).status, 200);
    assert.equal((await client.ask(other.server, get, call)).status, 200);
  });
});

Deno.test("open() requires CA certificates for https, from the file or the system", async () => {
  await inFolder(async (folder) => {
    const servers = [{ name: "Key Vault", origin: "https://127.0.0.1:1" }];
    const missing = HttpClient.open("cloud", servers, { caFile: `${folder}/ca.pem` }, () => {});
    await assert.rejects(missing, refusedWith("config", /ca\.pem cannot be read/));
  });
});

Deno.test("open() returns the response while it comes, and ends with the signal, with the iteration or with the connection", async () => {
  let cancelled = 0;
  const parts = ["one", "two", "three"];
  const served = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    const all = parts.map((part) => new TextEncoder().encode(part));
    return new Response(
      new ReadableStream({
        async pull(controller) {
          const next = all.shift();
          if (next !== undefined) return controller.enqueue(next);
          if (pathname === "/whole") return controller.close();
          if (pathname === "/cut") return controller.error(new Error("cut"));
          await new Promise(() => {});
        },
        cancel: () => void cancelled++,
      }, { highWaterMark: 0 }),
      { status: 201 },
    );
  });
  const server = { name: "etcd", origin: `http://127.0.0.1:${served.addr.port}` };
  const waits = new Waits();
  using client = await HttpClient.open("cloud", [server], {}, () => {}, waits);
  const open = (path: string, signal = patient.signal) =>
    client.open(server, { method: "POST", path, headers: {} }, { signal, action: "watch" });
  const textOf = async (body: AsyncIterable<Uint8Array>) => {
    let text = "";
    for await (const chunk of body) text += new TextDecoder().decode(chunk);
    return text;
  };
  const { status, body } = await open("/whole");
  assert.deepEqual([status, await textOf(body)], [201, parts.join("")]);
  const cut = refusedWith(
    "unreachable",
    /^Cannot watch: etcd at .* closed the connection in the middle of an answer\.$/,
  );
  await assert.rejects(textOf((await open("/cut")).body), cut);
  const control = new AbortController();
  const endless = await open("/endless", control.signal);
  const ended = assert.rejects(textOf(endless.body), refusedWith("cancelled"));
  setTimeout(() => control.abort(), 50);
  await ended;
  for await (const _ of (await open("/endless")).body) break;
  await served.shutdown();
  assert.equal(cancelled, 2);
  assert.equal(waits.silent(0), undefined);
});

import assert from "node:assert/strict";
import { utf8 } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { ServiceStatus } from "../services/kms/service.ts";
import { Stage, status, well } from "../../tests/support/http_stage.ts";

Deno.test("serveHttp() answers /livez with 200 in any state of the KMS", async () => {
  await using stage = new Stage();
  stage.status = new Error("canary");
  stage.verdict = { ready: false, message: "Gone." };
  const { code, body } = await stage.get("/livez");
  assert.deepEqual([code, body], [200, "ok\n"]);
});

Deno.test("serveHttp() reports at /livez that the socket has not answered for long", async () => {
  await using stage = new Stage();
  stage.complaint = "The socket /s has not answered for 31 seconds.";
  const { code, body } = await stage.get("/livez");
  assert.deepEqual([code, body], [503, `${stage.complaint}\n`]);
});

Deno.test("serveHttp() reports each provider and the reasons at /readyz", async () => {
  await using stage = new Stage();
  const { code, body, headers } = await stage.get("/readyz");
  assert.equal(code, 200);
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(
    body,
    [
      "ready",
      "key ID: t1-00112233445566778899aabbccddeeff",
      "quorum: 1 of 2 needed, held",
      "",
      "PROVIDER  KIND           HEALTH  SINCE                 WHY",
      "vault-eu  vault-transit  well    1970-01-01T00:16:40Z",
      "local     local          sick    1970-01-01T00:16:40Z  It is away.\\u001b[31m",
      "",
      "sealed versions: 0 open, 1 refused, 0 unknown, 0 not tested",
      "refused: version 1@2026-01-31T12:00:00Z of vault: The version is retired.\\u001b[31m",
      "",
    ].join("\n"),
  );
});

Deno.test("serveHttp() answers 503 at /readyz with the reason", async () => {
  await using stage = new Stage();
  const lost = {
    state: "lost",
    since: 4_000_000,
    forMs: 1_000_000,
    refused: false,
    message: "Nobody answers.",
  } as const;
  const cases: readonly (readonly [Partial<ServiceStatus>, typeof stage.verdict, string])[] = [
    [{ quorum: lost }, { ready: false, message: "Policy says no." }, "Policy says no."],
    [{ keyId: undefined, message: "No key ID yet." }, { ready: true, message: "" }, "No key ID yet."],
    [{ canEncrypt: false }, { ready: true, message: "" }, "No data key is ready: an Encrypt would be refused."],
  ];
  for (const [part, verdict, reason] of cases) {
    stage.status = { ...status, ...part };
    stage.verdict = verdict;
    const text = await stage.get("/readyz");
    assert.equal(text.code, 503);
    assert.equal(text.body.split("\n")[0], `not ready: ${reason}`);
    const document = await stage.get("/readyz?format=json");
    assert.equal(document.code, 503);
    assert.deepEqual([JSON.parse(document.body).ready, JSON.parse(document.body).reason], [false, reason]);
  }
  stage.status = { ...status, quorum: lost };
  assert.match((await stage.get("/readyz")).body, /^quorum: .* lost since 1970-01-01T01:06:40Z: Nobody answers\.$/m);
});

Deno.test("serveHttp() stays ready if only telemetry fails, and reports it", async () => {
  await using stage = new Stage();
  stage.problem = "3 audit lines were lost since the start.";
  stage.verdict = { ready: true, message: "An outage lasts." };
  const { code, body } = await stage.get("/readyz");
  assert.equal(code, 200);
  assert.match(body, /^ready: An outage lasts\.$/m);
  assert.match(body, /^telemetry: 3 audit lines were lost since the start\.$/m);
});

Deno.test("serveHttp() answers with JSON at /readyz on request", async () => {
  await using stage = new Stage();
  const asked = [
    await stage.get("/readyz", { headers: { accept: "application/json" } }),
    await stage.get("/readyz?format=json"),
  ];
  for (const { body, headers } of asked) {
    assert.equal(headers.get("content-type"), "application/json");
    const document = JSON.parse(body);
    assert.equal(document.ready, true);
    assert.deepEqual(document.providers[1], {
      name: "local",
      kind: "local",
      health: "sick",
      code: "unreachable",
      message: "It is away.\x1b[31m",
      since: "1970-01-01T00:16:40.000Z",
      lastGoodAt: null,
      version: "3@2030",
      lacksWrapSince: "1970-01-01T00:50:00.000Z",
    });
  }
  const text = await stage.get("/readyz?format=text", { headers: { accept: "application/json" } });
  assert.match(text.body, /^ready\n/);
});

Deno.test("serveHttp() returns the complete status at /status", async () => {
  await using stage = new Stage();
  stage.now += 1500;
  const { code, body } = await stage.get("/status");
  assert.equal(code, 200);
  const { providers, ...rest } = JSON.parse(body);
  assert.equal(providers.length, 2);
  assert.deepEqual(rest, {
    version: "1.2.3",
    startedAt: "1970-01-01T01:23:20.000Z",
    uptimeSeconds: 1.5,
    configuration: null,
    time: rest.time,
    ready: true,
    reason: "",
    telemetry: "",
    keyId: "t1-00112233445566778899aabbccddeeff",
    keyIdHash: rest.keyIdHash,
    provisional: false,
    announcedAt: null,
    firstEncryptAt: null,
    dataKeyMadeAt: "1970-01-01T00:00:01.000Z",
    stateFolder: null,
    message: "",
    quorum: { state: "held" },
    needed: 1,
    canEncrypt: true,
    retired: [],
    unreadable: "",
    decrypts: { windowMs: 300_000, failing: false, lastOpenedAt: null, refused: [] },
    sealedVersions: [{ ...status.sealedVersions[0], testedAt: null }],
  });
  assert.match(rest.keyIdHash, /^sha256:[0-9a-f]{64}$/);
});

Deno.test("serveHttp() returns metrics of the present status", async () => {
  await using stage = new Stage();
  const { code, body, headers } = await stage.get("/metrics");
  assert.equal(code, 200);
  assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(body, /^trousseau_provider_health\{provider="local",kind="local",state="sick"\} 1$/m);
});

Deno.test("serveHttp() answers only GET and HEAD", async () => {
  await using stage = new Stage();
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    const { code, headers } = await stage.get("/livez", { method });
    assert.deepEqual([code, headers.get("allow")], [405, "GET, HEAD"]);
  }
  for (const [path, expected] of [["/livez", 200], ["/readyz", 200], ["/none", 404]] as const) {
    const { code, body } = await stage.get(path, { method: "HEAD" });
    assert.deepEqual([code, body], [expected, ""]);
  }
});

Deno.test("serveHttp() answers 404 at any other path", async () => {
  await using stage = new Stage();
  for (const path of ["/", "/livez/", "/metrics/../../etc/passwd", "/constructor", "/__proto__"]) {
    assert.equal((await stage.get(path)).code, 404, path);
  }
});

Deno.test("serveHttp() on loopback answers requests by address or as localhost, and refuses other names", async () => {
  await using stage = new Stage();
  const { port } = new URL(stage.endpoint.origin);
  const cases = [["evil.example", 421], ["localhost", 200], ["127.0.0.1", 200], ["[::1]", 200]] as const;
  for (const [host, expected] of cases) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await connection.write(utf8(`GET /livez HTTP/1.1\r\nhost: ${host}:${port}\r\nconnection: close\r\n\r\n`));
    const answered = await new Response(connection.readable).text();
    assert.equal(answered.split(" ")[1], String(expected), host);
  }
});

Deno.test("serveHttp() answers a failure without its details", async () => {
  await using stage = new Stage();
  stage.status = new TypeError("canary");
  for (const path of ["/readyz", "/status", "/metrics"]) {
    const { code, body, headers } = await stage.get(path);
    assert.equal(code, 500);
    assert.ok(!`${body}${JSON.stringify([...headers])}`.includes("canary"));
  }
  assert.ok(!stage.log.includes("canary"));
  assert.match(stage.log, /"cause":"TypeError"/);
});

Deno.test("serveHttp() serves no other fields of a status", async () => {
  await using stage = new Stage();
  const dek = utf8("canary-dek");
  const smuggled = { dek, token: "canary-token", secret: new Secret("canary-secret"), cause: new Error("canary") };
  const providers = [{ ...well, ...smuggled }];
  const quorums: readonly ServiceStatus["quorum"][] = [
    { state: "held" },
    { state: "lost", since: 0, forMs: 0, refused: false, message: "Away." },
  ];
  for (const quorum of quorums) {
    const held: ServiceStatus["quorum"] = { ...quorum, ...smuggled };
    stage.status = { ...status, ...smuggled, providers, quorum: held } as ServiceStatus;
    for (const path of ["/readyz", "/readyz?format=json", "/status", "/metrics"]) {
      const { code, body } = await stage.get(path);
      assert.equal(code, 200);
      for (const trace of ["canary", dek.toHex(), dek.toBase64(), [...dek].join(",")]) assert.ok(!body.includes(trace));
    }
  }
});

Deno.test("serveHttp() reports in one sentence why it cannot listen", async () => {
  await using stage = new Stage();
  const { port } = new URL(stage.endpoint.origin);
  assert.throws(() => new Stage({ hostname: "127.0.0.1", port: Number(port) }), (thrown) => {
    assert.ok(thrown instanceof KmsError);
    assert.equal(thrown.code, "config");
    assert.equal(
      thrown.message,
      `Cannot listen on 127.0.0.1:${port} (telemetry.listen): another program listens there.`,
    );
    return true;
  });
});

Deno.test("HttpEndpoint frees its port when it is closed", async () => {
  const first = new Stage();
  const port = Number(new URL(first.endpoint.origin).port);
  await first.get("/livez");
  await first[Symbol.asyncDispose]();
  await using second = new Stage({ hostname: "127.0.0.1", port });
  assert.equal((await second.get("/livez")).code, 200);
});

const refusedDecrypts: ServiceStatus["decrypts"] = {
  windowMs: 300_000,
  refused: [
    { code: "key_unknown", message: "No such \x1b[31mkey.", envelopes: 2, since: 4_000_000, lastAt: 4_500_000 },
    { code: "integrity", message: "Damaged.", envelopes: 1, since: 4_000_000, lastAt: 4_500_000 },
  ],
  lastOpenedAt: undefined,
  failing: false,
};

Deno.test("serveHttp() reports refused Decrypts at /readyz, each code with its newest message", async () => {
  await using stage = new Stage();
  stage.status = { ...status, decrypts: refusedDecrypts };
  const { code, body } = await stage.get("/readyz");
  assert.equal(code, 200);
  assert.ok(
    body.includes([
      "",
      "refused Decrypts: 3 envelopes in the last 5 minutes, none opened since the start",
      "  key_unknown: 2 envelopes since 1970-01-01T01:06:40Z: No such \\u001b[31mkey.",
      "  integrity: 1 envelope since 1970-01-01T01:06:40Z: Damaged.",
      "",
    ].join("\n")),
    body,
  );
  stage.status = { ...status, decrypts: { ...refusedDecrypts, lastOpenedAt: 4_000_000 } };
  assert.match((await stage.get("/readyz")).body, /^refused Decrypts: .* last opened 1970-01-01T01:06:40Z$/m);
});

Deno.test("serveHttp() reports an unwritable state folder at /readyz and /status, and stays ready", async () => {
  await using stage = new Stage();
  const message = "Cannot write to the state folder /state: the disk is full.";
  stage.status = { ...status, stateFolder: { writable: false, since: 4_000_000, message } };
  const { code, body } = await stage.get("/readyz");
  assert.equal(code, 200);
  assert.match(body, /^ready\n/);
  assert.match(body, /^state folder: Cannot write to the state folder \/state: the disk is full\.$/m);
  const { stateFolder } = JSON.parse((await stage.get("/status")).body);
  assert.deepEqual(stateFolder, { writable: false, since: "1970-01-01T01:06:40.000Z", message });
});

Deno.test("serveHttp() returns refused Decrypts, sentinels and the times of the key ID at /status", async () => {
  await using stage = new Stage();
  const sealedVersions = [{
    provider: "vault-eu",
    kind: "vault-transit",
    version: "3@2030",
    announced: true,
    state: "refused",
    code: "key_unknown",
    message: "Gone.",
    testedAt: undefined,
  }] as const;
  stage.status = { ...status, decrypts: refusedDecrypts, sealedVersions, announcedAt: 1_000, firstEncryptAt: 2_000 };
  const found = JSON.parse((await stage.get("/status")).body);
  const refused = refusedDecrypts.refused.map((one) => ({
    ...one,
    since: "1970-01-01T01:06:40.000Z",
    lastAt: "1970-01-01T01:15:00.000Z",
  }));
  assert.deepEqual(found.decrypts, { ...refusedDecrypts, refused, lastOpenedAt: null });
  assert.deepEqual(found.sealedVersions, [{ ...sealedVersions[0], testedAt: null }]);
  const times = ["1970-01-01T00:00:01.000Z", "1970-01-01T00:00:02.000Z"];
  assert.deepEqual([found.announcedAt, found.firstEncryptAt], times);
  assert.equal(found.unreadable, "What this node has sealed cannot be opened again. Gone.");
});

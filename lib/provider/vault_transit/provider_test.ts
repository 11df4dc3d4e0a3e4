import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8, utf8Text } from "../../base/bytes.ts";
import { RawDouble, refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { pause } from "../../../tests/support/processes.ts";
import { parseVersion } from "./ciphertext.ts";

const dek = Uint8Array.from({ length: 47 }, (_, at) => at);

Deno.test("probe() returns the version with its creation time, in one call after the key was read", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const { version } = await provider.probe(patient);
  assert.equal(version, "1@1700000000");
  const before = vault.requests.length;
  assert.equal((await provider.probe(patient)).version, version);
  assert.deepEqual(vault.requests.slice(before).map(({ path }) => path), ["transit/rewrap/kubernetes"]);
});

Deno.test("probe() detects a rotation at once, and gives it a greater order", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const before = await provider.probe(patient);
  vault.versions.push(1_700_000_500);
  const after = await provider.probe(patient);
  assert.equal(after.version, "2@1700000500");
  assert(before.order !== undefined && after.order !== undefined && after.order > before.order);
});

Deno.test("probe() returns the version that wraps, if nodes of a cluster differ for a moment", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  vault.versions.push(1_700_000_500);
  const rewrapBy = (number: number) => ({ path }: { readonly path: string }) =>
    path.includes("/rewrap/") ? Response.json({ data: { ciphertext: `vault:v${number}:AAAA` } }) : undefined;
  vault.intercept = rewrapBy(1);
  assert.equal((await provider.probe(patient)).version, "1@1700000000");
  vault.intercept = rewrapBy(3);
  assert.equal((await provider.probe(patient)).version, "2@1700000500");
});

Deno.test("probe() creates its sentinel again if its version was retired", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  await provider.probe(patient);
  vault.versions.push(1_700_000_500);
  vault.minDecryption = 2;
  assert.equal((await provider.probe(patient)).version, "2@1700000500");
});

Deno.test("probe() distinguishes a key created again under its name from its predecessor, and gives it a greater order", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  vault.versions.push(1_700_000_500);
  const before = await provider.probe(patient);
  vault.remake(1_700_000_900);
  const after = await provider.probe(patient);
  assert.equal(after.version, "1@1700000900");
  assert(before.order !== undefined && after.order !== undefined && after.order > before.order);
});

Deno.test("wrap() refuses a version of a key that was deleted and created again", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  vault.remake(1_700_000_900);
  await provider.probe(patient);
  await assert.rejects(provider.wrap(dek, at, patient), refusedWith("key_unusable", /deleted and made again/));
  await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("key_unknown", /another one has its name/));
});

Deno.test("wrap() and unwrap() return the data key, pinned to the requested version", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  vault.versions.push(1_700_000_500);
  const wrapped = await provider.wrap(dek, at, patient);
  assert.equal(wrapped.version, at.version);
  assert.match(utf8Text(wrapped.ciphertext) ?? "", /^vault:v1:/);
  assert.deepEqual(vault.asked("transit/encrypt").at(-1)?.body.batch_input[0].key_version, 1);
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
});

Deno.test("wrap() rejects an answer under another version than requested", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  vault.intercept = ({ path }) =>
    path.startsWith("transit/encrypt")
      ? Response.json({ data: { batch_results: [{ ciphertext: "vault:v2:AAAA", key_version: 2 }] } })
      : undefined;
  await assert.rejects(provider.wrap(dek, at, patient), refusedWith("provider_protocol", /another version/));
});

Deno.test("wrap() reports the key as unusable if its minimum version forbids the version", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  vault.versions.push(1_700_000_500);
  vault.minEncryption = 2;
  await assert.rejects(provider.wrap(dek, at, patient), refusedWith("key_unusable", /min_encryption_version/));
});

Deno.test("wrap(), unwrap() and probe() report the key as unknown if it is missing", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  vault.versions = [];
  await assert.rejects(provider.wrap(dek, at, patient), refusedWith("key_unknown"));
  await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("key_unknown", /there is no such key/));
  await assert.rejects(provider.probe(patient), refusedWith("key_unknown"));
});

Deno.test("unwrap() refuses, without any call, bytes whose version is not the recorded one", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const { ciphertext } = await provider.wrap(dek, at, patient);
  const calls = vault.requests.length;
  for (const version of ["2@1700000000", "1", "", "01@1700000000", "x@y", "1@1700000000 "]) {
    await assert.rejects(provider.unwrap({ version, ciphertext }, patient), refusedWith("integrity"));
  }
  const notCanonical = [
    "vault:v1:QUJDRF==",
    "vault:v1:QUJDREX=",
    "vault:v1:QUJD=",
    "vault:v1:QUJDRA",
    "vault:v1:QUJDRA=",
  ];
  const others = ["vault:v1:", "vault:v1:A\nA", "v1:AAAA", "", ...notCanonical];
  for (const bytes of [...others.map(utf8), Uint8Array.of(255)]) {
    await assert.rejects(
      provider.unwrap({ version: at.version, ciphertext: bytes }, patient),
      refusedWith("integrity"),
    );
  }
  const huge = utf8(`vault:v1:${"A".repeat(4096)}`);
  await assert.rejects(provider.unwrap({ version: at.version, ciphertext: huge }, patient), refusedWith("integrity"));
  assert.equal(vault.requests.length, calls);
});

Deno.test("unwrap() returns the valid items of a batch with an invalid one", async () => {
  await using vault = new VaultDouble();
  const { provider, events } = await openVault(vault.address);
  await using _provider = provider;
  const at = await provider.probe(patient);
  const good = await provider.wrap(dek, at, patient);
  const bad = { version: at.version, ciphertext: utf8("vault:v1:AAAAAAAA") };
  const all = [good, good, good, good, good, bad, good];
  const outcomes = await Promise.allSettled(all.map((one) => provider.unwrap(one, patient)));
  assert.deepEqual(outcomes.map(({ status }) => status === "fulfilled"), all.map((one) => one === good));
  assert(outcomes[5]?.status === "rejected" && refusedWith("integrity")(outcomes[5].reason));
  const sizes = events.flatMap((event) => event.type === "batch" && event.verb === "unwrap" ? [event.size] : []);
  assert.deepEqual(sizes, [7]);
});

Deno.test("unwrap() rejects a result that cannot be a data key", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const cases = [
    ["", "integrity"],
    [utf8("x".repeat(65)).toBase64(), "integrity"],
    ["not base64", "provider_protocol"],
    [7, "provider_protocol"],
    [null, "provider_protocol"],
  ] as const;
  for (const [plaintext, code] of cases) {
    vault.intercept = () => Response.json({ data: { batch_results: [{ plaintext }] } });
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith(code));
  }
});

Deno.test("probe(), wrap() and unwrap() map Vault's statuses to codes", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const cases = [
    [() => refuse(429, "request path rate limited", { "retry-after": "3" }), "throttled", /429/],
    [() => refuse(500, "internal error"), "unreachable", /500/],
    [() => refuse(500, "1 error occurred:\n\t* refusing to use soft-deleted key\n\n"), "key_unusable", /soft-deleted/],
    [() => refuse(500, "local node not active but active cluster node not found"), "unreachable", /no active node/],
    [() => new Response("<html>bad gateway</html>", { status: 502 }), "unreachable", /502/],
    [() => refuse(503, "Vault is sealed"), "unreachable", /503 \(sealed\)/],
    [() => refuse(503, "Vault is in standby mode"), "unreachable", /503 \(standby\)/],
    [() => refuse(503, "namespace is sealed"), "unreachable", /503 \(namespace sealed\)/],
    [
      () => refuse(503, "API access to this namespace has been locked by an administrator"),
      "permission_denied",
      /503 \(namespace locked\)/,
    ],
    [() => refuse(404, "namespace not found"), "key_unknown", /404 \(no such namespace\)/],
    [() => new Response("no", { status: 504 }), "unreachable", /504/],
    [() => refuse(412, "required index state not present"), "unreachable", /412/],
    [() => new Response(null, { status: 472 }), "unreachable", /disaster recovery/],
    [() => new Response(null, { status: 473 }), "unreachable", /standby/],
    [() => refuse(404, "no handler for route"), "key_unknown", /404/],
    [() => refuse(400, "something new"), "provider_protocol", /does not know/],
    [() => refuse(418, "teapot"), "provider_protocol", /418/],
  ] as const;
  for (const [answer, code, sentence] of cases) {
    vault.intercept = answer;
    const verbs = [
      ["probe", () => provider.probe(patient)],
      ["wrap", () => provider.wrap(dek, at, patient)],
      ["unwrap", () => provider.unwrap(wrapped, patient)],
    ] as const;
    for (const [verb, call] of verbs) {
      await assert.rejects(call(), refusedWith(code, sentence));
      await assert.rejects(call(), refusedWith(code, new RegExp(`^Cannot ${verb} with provider "vault-eu": .*\\.$`)));
    }
  }
  vault.intercept = cases[0][0];
  await assert.rejects(provider.unwrap(wrapped, patient), { retryAfterMs: 3000 });
  vault.intercept = undefined;
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
});

Deno.test("probe(), wrap() and unwrap() name a namespace that is locked, sealed or missing", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { namespace: "team-a" })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const tail = ' - "above/" must be unlocked to gain access.';
  const sentence = "API access to this namespace has been locked by an administrator";
  const cases = [
    [503, sentence, "permission_denied", /503 \(namespace locked: "team-a"\)\.$/],
    [503, sentence + tail, "permission_denied", /503 \(namespace locked: "team-a"\)\.$/],
    [
      503,
      `1 error occurred:\n\t* ${sentence}${tail}\n\n`,
      "permission_denied",
      /503 \(namespace locked: "team-a"\)\.$/,
    ],
    [503, "namespace is sealed", "unreachable", /503 \(namespace sealed: "team-a"\)\.$/],
    [404, "namespace not found", "key_unknown", /404 \(no such namespace: "team-a"\)\.$/],
    // A text that only begins like one in the table does not match it.
    [503, "namespace is sealed off", "unreachable", /503 \(out of service\)\.$/],
  ] as const;
  for (const [status, text, code, said] of cases) {
    vault.intercept = () => refuse(status, text);
    await assert.rejects(provider.probe(patient), refusedWith(code, said));
    await assert.rejects(provider.wrap(dek, at, patient), refusedWith(code, said));
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith(code, said));
  }
});

Deno.test("unwrap() rejects an invalid answer with a success status", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const bodies = ["", "garbage", "[]", "null", "{}", '{"data":null}', '{"data":{"batch_results":{}}}'];
  for (const body of [...bodies, '{"data":{"batch_results":[]}}', '{"data":{"batch_results":[{},{}]}}']) {
    vault.intercept = () => new Response(body);
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("provider_protocol"));
    await assert.rejects(provider.wrap(dek, at, patient), refusedWith("provider_protocol"));
    await assert.rejects(provider.probe(patient), refusedWith("provider_protocol"));
  }
  vault.intercept = () => new Response("x".repeat((1 << 20) + 1));
  await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("provider_protocol", /1 MiB/));
});

Deno.test("unwrap() accepts or rejects any JSON", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const status = fc.constantFrom(200, 400, 404, 500);
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), status, async (json, status) => {
      vault.intercept = () => Response.json(json, { status });
      await assert.rejects(provider.unwrap(wrapped, patient), (error: Error) => error.name === "KmsError");
    }),
    { numRuns: 60 },
  );
});

Deno.test("unwrap() reports the cause of a broken connection", async () => {
  const answers = [
    ["", /closed the connection/],
    ['HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"data":', /in the middle of an answer/],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"dat', /in the middle of an answer/],
    ["SSH-2.0-OpenSSH_9.9\r\n", /answered what is no HTTP/],
  ] as const;
  for (const [answer, sentence] of answers) {
    await using vault = new RawDouble(answer);
    await using provider = (await openVault(vault.address)).provider;
    await assert.rejects(provider.probe(patient), refusedWith("unreachable", sentence));
  }
});

Deno.test("probe() reports a refused connection, and a name that cannot be resolved", async () => {
  const vault = new VaultDouble();
  await vault[Symbol.asyncDispose]();
  await using closed = (await openVault(vault.address)).provider;
  await assert.rejects(closed.probe(patient), refusedWith("unreachable", /refused the connection/));
  await using unknown = (await openVault("http://vault.invalid:8200")).provider;
  await assert.rejects(unknown.probe(patient), refusedWith("unreachable", /does not resolve/));
});

Deno.test("wrap() and unwrap() end at their deadline, whatever hangs", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  vault.intercept = () => vault.hang();
  await assert.rejects(provider.unwrap(wrapped, within(40)), refusedWith("deadline_exceeded"));
  await assert.rejects(provider.wrap(dek, at, within(40)), refusedWith("deadline_exceeded"));
  await assert.rejects(provider.probe(within(40)), refusedWith("deadline_exceeded"));
  const leaving = new AbortController();
  const left = provider.unwrap(wrapped, { signal: leaving.signal });
  leaving.abort();
  await assert.rejects(left, refusedWith("cancelled"));
  vault.intercept = undefined;
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
});

Deno.test("unwrap() applies the caller's deadline to a body that arrives byte by byte", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  vault.intercept = () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await pause(5);
          controller.enqueue(utf8(" "));
        },
      }),
    );
  await assert.rejects(provider.unwrap(wrapped, within(60)), refusedWith("deadline_exceeded"));
  await pause(20);
});

Deno.test("parseVersion() accepts only the output of versionName()", () => {
  assert.deepEqual(parseVersion("12@1700000000"), { number: 12, createdAt: 1_700_000_000 });
  for (const bad of ["0@1", "1@", "@1", "1@01", "-1@1", "1@1@1", "1.5@1", "1@1e3", "9999999999@1"]) {
    assert.equal(parseVersion(bad), undefined);
  }
});

Deno.test("unwrapForeign() decrypts ciphertexts of the key, of any version, and in batches with unwraps", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
  vault.versions.push(1_700_000_500);
  const later = await provider.wrap(dek, await provider.probe(patient), patient);
  const before = vault.requests.length;
  const open = (ciphertext: Uint8Array) => provider.unwrapForeign?.({ ciphertext }, patient);
  const calls = Array.from({ length: 300 }, (_, at) => open((at % 2 === 0 ? wrapped : later).ciphertext));
  for (const opened of await Promise.all(calls)) assert.deepEqual(opened, dek);
  assert(vault.requests.length - before <= 7, `${vault.requests.length - before} requests`);
});

Deno.test("unwrapForeign() refuses, without any call, anything but a transit ciphertext, and one bound to a context", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const { ciphertext } = await provider.wrap(dek, await provider.probe(patient), patient);
  const before = vault.requests.length;
  const integrity = refusedWith("integrity", /no transit ciphertext/);
  for (
    const text of [
      "",
      "vault:v1:",
      "vault:v1:QUJDRF==",
      "vault:v0:AAAA",
      "vault:v1:AAAA\n",
      "AAAA",
      `vault:v1:${"A".repeat(4096)}`,
    ]
  ) {
    await assert.rejects(async () => await provider.unwrapForeign?.({ ciphertext: utf8(text) }, patient), integrity);
  }
  await assert.rejects(async () => await provider.unwrapForeign?.({ ciphertext, context: {} }, patient), integrity);
  assert.equal(vault.requests.length, before);
});

Deno.test("unwrapForeign() fails as unwrap() does: forged, missing, refused, slow", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const { ciphertext } = await provider.wrap(dek, await provider.probe(patient), patient);
  const open = async (bytes: Uint8Array, call = patient) => await provider.unwrapForeign?.({ ciphertext: bytes }, call);
  await assert.rejects(
    open(utf8("vault:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
    refusedWith("integrity"),
  );
  vault.intercept = ({ path }) => path.includes("/decrypt/") ? refuse(503, "Vault is sealed") : undefined;
  await assert.rejects(open(ciphertext), refusedWith("unreachable"));
  vault.intercept = ({ path }) => path.includes("/decrypt/") ? new Promise<Response>(() => {}) : undefined;
  await assert.rejects(open(ciphertext, within(50)), refusedWith("deadline_exceeded"));
});

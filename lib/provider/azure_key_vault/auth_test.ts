import assert from "node:assert/strict";
import { azureSettings, openAzure, secretAuth } from "../../../tests/support/azure_settings.ts";
import { rsaPair } from "../../../tests/support/certificates.ts";
import type { Issued } from "../../../tests/support/entra_double.ts";
import { KeyVaultDouble } from "../../../tests/support/key_vault_double.ts";
import { pause } from "../../../tests/support/processes.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { RawDouble } from "../../../tests/support/vault_double.ts";
import { fileSecret, MemorySecret, patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { fileSource } from "../../config/secrets.ts";
import type { Event } from "../../telemetry/events.ts";
import { openAzureKeyVault } from "./provider.ts";
import type { AzureAuth } from "./settings.ts";

const none = "00000000-0000-4000-8000-000000000000";

/** The method of the last login, according to the double. */
function proven(double: KeyVaultDouble): Issued["by"] | undefined {
  return [...double.entra.tokens.values()].at(-1)?.by;
}

function certificateAuth(double: KeyVaultDouble, certificateFile: string, more: object = {}): AzureAuth {
  const { tenantId, clientId } = double.entra;
  return { method: "client-certificate", tenantId, clientId, certificateFile, sendChain: false, ...more };
}

async function probeWith(double: KeyVaultDouble, auth: AzureAuth): Promise<void> {
  await using provider = (await openAzure(double, { auth })).provider;
  await provider.probe(patient);
}

Deno.test("client-secret logs in, and reports which of its parts is refused", async () => {
  await using double = await KeyVaultDouble.start();
  const right = secretAuth(double);
  await probeWith(double, right);
  assert.equal(proven(double), "client-secret");
  const cases: readonly (readonly [AzureAuth, RegExp])[] = [
    [
      secretAuth(double, "wrong"),
      /^Cannot log in with provider "azure": Entra ID answered 401 \(it refuses the client secret\)\. Since /,
    ],
    [{ ...right, tenantId: "other.example" } as AzureAuth, /400 \(there is no such tenant\)/],
    [{ ...right, clientId: none } as AzureAuth, /400 \(the tenant has no such application\)/],
    [
      { ...right, clientSecret: new MemorySecret(undefined) } as AzureAuth,
      /file \/etc\/trousseau\/secret cannot be read/,
    ],
  ];
  for (const [auth, sentence] of cases) {
    await assert.rejects(probeWith(double, auth), refusedWith("unauthenticated", sentence));
  }
});

Deno.test("client-certificate asserts with PS256 and the certificate's thumbprint, from one file or two", async () => {
  await using double = await KeyVaultDouble.start();
  const pair = rsaPair("trousseau");
  double.entra.certificate = pair.certificate;
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/both.pem`, pair.certificate + pair.key);
    await Deno.writeTextFile(`${folder}/app.pem`, pair.certificate);
    await Deno.writeTextFile(`${folder}/app.key`, pair.key);
    for (
      const auth of [
        certificateAuth(double, `${folder}/both.pem`),
        certificateAuth(double, `${folder}/app.pem`, { keyFile: `${folder}/app.key` }),
      ]
    ) {
      await probeWith(double, auth);
      assert.equal(proven(double), "client-certificate");
    }
    assert.deepEqual(Object.keys(double.entra.lastAssertion?.header ?? {}), ["alg", "typ", "x5t#S256"]);
    double.entra.wantsChain = true;
    await probeWith(double, certificateAuth(double, `${folder}/both.pem`, { sendChain: true }));
    const refused = probeWith(double, certificateAuth(double, `${folder}/both.pem`));
    await assert.rejects(refused, refusedWith("unauthenticated", /does not have this certificate/));
  });
});

Deno.test("client-certificate reads its file at each login, reports its expiry, and names errors in it", async () => {
  await using double = await KeyVaultDouble.start();
  const [pair, next] = [rsaPair("trousseau"), rsaPair("trousseau")];
  await inFolder(async (folder) => {
    const file = `${folder}/app.pem`;
    await Deno.writeTextFile(file, pair.certificate + pair.key);
    double.entra.certificate = pair.certificate;
    const { provider, events } = await openAzure(double, { auth: certificateAuth(double, file) });
    await using _provider = provider;
    await provider.probe(patient);
    const [expiry] = events.flatMap((event) => event.type === "certificate_lifetime" ? [event.expiresAt] : []);
    assert.ok(Math.abs((expiry ?? 0) - Date.now() - 30 * 86_400_000) < 120_000);
    await Deno.writeTextFile(file, next.certificate + next.key);
    double.entra.certificate = next.certificate;
    double.entra.revoke();
    await provider.probe(patient);

    const elliptic = double.authority.issue({ commonName: "elliptic" });
    const wrong: readonly (readonly [string, RegExp])[] = [
      [pair.certificate + next.key, /holds no certificate that an RSA key belongs to/],
      [elliptic.certificate + elliptic.key, /holds no certificate that an RSA key belongs to/],
      [pair.certificate, /holds no certificate and key that can be used/],
      [pair.key, /holds no certificate that an RSA key belongs to/],
      ["", /app\.pem cannot be read: it is empty/],
    ];
    for (const [text, sentence] of wrong) {
      await Deno.writeTextFile(file, text);
      await assert.rejects(probeWith(double, certificateAuth(double, file)), refusedWith("unauthenticated", sentence));
    }
    const missing = probeWith(double, certificateAuth(double, `${folder}/missing.pem`));
    await assert.rejects(missing, refusedWith("unauthenticated", /missing\.pem cannot be read/));
  });
});

Deno.test("managed-identity requests the machine's own identity or an assigned one from the metadata service", async () => {
  await using double = await KeyVaultDouble.start();
  const { metadata } = double;
  await probeWith(double, { method: "managed-identity", metadata });
  assert.equal(proven(double), "managed-identity");
  await probeWith(double, { method: "managed-identity", metadata, clientId: double.entra.identityId });
  const other = probeWith(double, { method: "managed-identity", metadata, clientId: none });
  const sentence =
    /^Cannot log in with provider "azure": the metadata service answered 400 \(this machine has no such managed identity\)\.$/;
  await assert.rejects(other, refusedWith("unauthenticated", sentence));
});

Deno.test("managed-identity distinguishes a metadata service that is unreachable or busy from one that refuses", async () => {
  await using double = await KeyVaultDouble.start();
  const replies = [[404, "unreachable"], [410, "unreachable"], [500, "unreachable"], [429, "throttled"]] as const;
  for (const [status, code] of replies) {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => Response.json({ error: "busy" }, { status, headers: { "retry-after": "1" } }),
    );
    const metadata = `http://127.0.0.1:${server.addr.port}`;
    await assert.rejects(probeWith(double, { method: "managed-identity", metadata }), refusedWith(code));
  }
  const closed = probeWith(double, { method: "managed-identity", metadata: "http://127.0.0.1:1" });
  await assert.rejects(closed, refusedWith("unreachable", /the metadata service at http:\/\/127\.0\.0\.1:1 refused/));
});

Deno.test("azure-arc proves its identity with the file that the agent names, and reads no other", async () => {
  await using double = await KeyVaultDouble.start();
  await inFolder(async (folder) => {
    const { entra, metadata } = double;
    const keyFolder = `${folder}/tokens`;
    await Deno.mkdir(keyFolder);
    entra.arcFolder = keyFolder;
    const auth = { method: "azure-arc", metadata, keyFolder } as const;
    await probeWith(double, auth);
    assert.equal(proven(double), "azure-arc");

    await Deno.writeTextFile(`${folder}/secret.key`, "c2VjcmV0");
    await Deno.writeTextFile(`${keyFolder}/long.key`, "x".repeat(4097));
    await Deno.writeTextFile(`${keyFolder}/lines.key`, "two\nlines");
    const cases: readonly (readonly [realm: string, code: string, sentence: RegExp])[] = [
      [`${folder}/secret.key`, "provider_protocol", /names no key file in/],
      [`${keyFolder}/../secret.key`, "provider_protocol", /names no key file in/],
      [`${keyFolder}/token`, "provider_protocol", /names no key file in/],
      ["", "provider_protocol", /names no key file in/],
      [`${keyFolder}/long.key`, "provider_protocol", /holds no key/],
      [`${keyFolder}/lines.key`, "provider_protocol", /holds no key/],
      [
        `${keyFolder}/missing.key`,
        "unauthenticated",
        /the Azure Arc agent's key file cannot be read: there is no such file/,
      ],
    ];
    for (const [realm, code, sentence] of cases) {
      entra.arcRealm = realm;
      await assert.rejects(probeWith(double, auth), refusedWith(code, sentence));
    }
    const wrong = `${keyFolder}/wrong.key`;
    await Deno.writeTextFile(wrong, "d3Jvbmc=");
    entra.arcRealm = wrong;
    await assert.rejects(probeWith(double, auth), refusedWith("unauthenticated", /the Azure Arc agent answered 401/));
  });
});

Deno.test("workload-identity sends the present token of its file", async () => {
  await using double = await KeyVaultDouble.start();
  await inFolder(async (folder) => {
    const { entra } = double;
    await Deno.writeTextFile(`${folder}/token`, `${entra.federatedToken}\n`);
    const { tenantId, clientId } = entra;
    const token = fileSource(`${folder}/token`);
    const { provider } = await openAzure(double, { auth: { method: "workload-identity", tenantId, clientId, token } });
    await using _provider = provider;
    await provider.probe(patient);
    assert.equal(proven(double), "workload-identity");
    entra.federatedToken = "another.token.altogether";
    await Deno.writeTextFile(`${folder}/token`, entra.federatedToken);
    entra.revoke();
    await provider.probe(patient);
    assert.equal(entra.logins, 2);
    await Deno.writeTextFile(`${folder}/token`, "not-it-any-more");
    const other = probeWith(double, {
      method: "workload-identity",
      tenantId,
      clientId,
      token: fileSecret(`${folder}/token`),
    });
    await assert.rejects(
      other,
      refusedWith("unauthenticated", /no federated credential/),
    );
  });
});

Deno.test("a login that hangs or breaks off ends with the caller's deadline or reports it", async () => {
  await using double = await KeyVaultDouble.start();
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hanging = { method: "managed-identity", metadata: `http://127.0.0.1:${silent.addr.port}` } as const;
  {
    await using provider = (await openAzure(double, { auth: hanging })).provider;
    await assert.rejects(provider.probe(within(60)), refusedWith("deadline_exceeded"));
  }
  silent.close();
  const halves = ["", 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"access_token":'];
  for (const half of halves) {
    await using raw = new RawDouble(half);
    const probing = probeWith(double, { method: "managed-identity", metadata: raw.address });
    await assert.rejects(probing, refusedWith("unreachable", /the metadata service at .* closed the connection/));
  }
});

Deno.test("a login continues after its first caller has gone, and serves the next one", async () => {
  await using double = await KeyVaultDouble.start();
  let asked = 0;
  await using slow = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    asked++;
    await pause(150);
    return Response.json({ access_token: double.entra.give(double.vault), expires_in: "3600" });
  });
  const auth = { method: "managed-identity", metadata: `http://127.0.0.1:${slow.addr.port}` } as const;
  await using provider = (await openAzure(double, { auth })).provider;
  await assert.rejects(provider.probe(within(60)), refusedWith("deadline_exceeded"));
  await provider.probe(patient);
  assert.equal(asked, 1);
});

Deno.test("a login rejects an invalid answer", async () => {
  await using double = await KeyVaultDouble.start();
  const bodies: readonly unknown[] = [
    {},
    { access_token: "t" },
    { access_token: "t", expires_in: "soon" },
    { access_token: "t", expires_in: 0 },
    { access_token: "two words", expires_in: 60 },
    { access_token: "line\nbreak", expires_in: 60 },
    { access_token: 7, expires_in: 60 },
  ];
  for (const body of bodies) {
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => Response.json(body));
    const metadata = `http://127.0.0.1:${server.addr.port}`;
    const probing = probeWith(double, { method: "managed-identity", metadata });
    await assert.rejects(probing, refusedWith("provider_protocol", /holds no (token|lifetime)/));
  }
  assert.ok(double.requests.every(({ token }) => token === undefined));
});

Deno.test("logins and what follows them show no secret in any error or event", async () => {
  await using double = await KeyVaultDouble.start();
  const events: Event[] = [];
  const errors: unknown[] = [];
  await using provider = await openAzureKeyVault(azureSettings(double), { notify: (event) => events.push(event) });
  const attempt = () => provider.probe(patient).catch((error) => errors.push(error, error.cause));
  await attempt();
  const tokens = [...double.entra.tokens.keys()];
  for (const kind of ["refused_login", "hang"] as const) {
    double.fault = { kind };
    const probing = provider.probe({ signal: AbortSignal.timeout(200) }).catch((error) =>
      errors.push(error, error.cause)
    );
    await probing;
  }
  double.fault = { kind: "status", status: 403 };
  await attempt();
  const seen = Deno.inspect({ provider, events, errors }, { depth: 9, showHidden: true }) +
    JSON.stringify({ events, errors });
  assert.ok(errors.length >= 4 && tokens.length > 0);
  for (const secret of [double.entra.clientSecret, ...tokens]) assert.ok(!seen.includes(secret));
});

for (const hours of [3, -3]) {
  Deno.test(`a clock of this machine that is ${-hours} h ahead of Entra ID's does not prevent a login with a certificate`, async () => {
    await using double = await KeyVaultDouble.start();
    const pair = rsaPair("trousseau");
    double.entra.certificate = pair.certificate;
    double.advance(hours * 3600);
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/app.pem`, pair.certificate + pair.key);
      await probeWith(double, certificateAuth(double, `${folder}/app.pem`));
      assert.equal(proven(double), "client-certificate");
    });
    // A refused secret is not sent a second time because of the clock.
    const before = double.entra.logins;
    await assert.rejects(
      probeWith(double, secretAuth(double, "wrong")),
      refusedWith("unauthenticated", /client secret/),
    );
    assert.equal(double.entra.logins - before, 1);
  });
}

import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import fc from "fast-check";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { JsonServer } from "../../../../tests/support/json_server.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { KeyringError, type ProblemCode } from "../../../api/keyring/problems.ts";
import { OidcIssuer } from "./issuer.ts";
import { issuerDefaults, type IssuerKeys, type IssuerSettings, type JwtAlgorithm } from "./settings.ts";

const never = new AbortController().signal;
const hour = 3_600;

interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly sign: Parameters<SignJWT["sign"]>[0];
  readonly jwk: JWK;
}

async function testKey(kid: string, alg: JwtAlgorithm = "ES256"): Promise<TestKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, sign: privateKey, jwk: { ...await exportJWK(publicKey), kid, alg, use: "sig" } };
}

/** An issuer with a server of its keys. */
class TestIssuer implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly server: JsonServer;
  readonly folder: string;
  keys: readonly TestKey[];
  issuer: OidcIssuer | undefined;

  private constructor(server: JsonServer, folder: string, keys: readonly TestKey[]) {
    this.server = server;
    this.folder = folder;
    this.keys = keys;
    const { origin } = server;
    const jwks_uri = `${origin}/keys`;
    server.documents.set("/.well-known/openid-configuration", () => ({ issuer: origin, jwks_uri }));
    server.documents.set("/keys", () => ({ keys: this.keys.map(({ jwk }) => jwk) }));
  }

  static async open(
    folder: string,
    changes: Partial<IssuerSettings> = {},
    keysOf: (origin: string) => IssuerKeys = () => ({ from: "discovery" }),
  ): Promise<TestIssuer> {
    const server = await JsonServer.open();
    const test = new TestIssuer(server, folder, [await testKey("one")]);
    const caFile = join(folder, "ca.pem");
    await Deno.writeTextFile(caFile, server.authority.certificate);
    const settings: IssuerSettings = {
      name: "ci",
      issuer: server.origin,
      audience: "trousseau",
      keys: keysOf(server.origin),
      algorithms: issuerDefaults.algorithms,
      maxLifetimeMs: issuerDefaults.maxLifetimeMs,
      tls: { caFile },
      ...changes,
    };
    test.issuer = await OidcIssuer.open(settings, { clock: test.clock, notify: () => {} });
    return test;
  }

  get now(): number {
    return Math.floor(this.clock.wall() / 1000);
  }

  token(
    claims: Readonly<Record<string, unknown>> = {},
    key = this.keys[0],
    header: Readonly<Record<string, string>> = {},
  ) {
    if (key === undefined) throw new Error("the test has a key");
    const all = {
      iss: this.server.origin,
      aud: "trousseau",
      sub: "repo:acme/shop",
      iat: this.now,
      exp: this.now + hour,
    };
    const payload = Object.fromEntries(
      Object.entries({ ...all, ...claims }).filter(([, value]) => value !== undefined),
    );
    return new SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.sign);
  }

  async verify(jwt: string | Promise<string>) {
    if (this.issuer === undefined) throw new Error("it was opened");
    return await this.issuer.verify(await jwt, never);
  }

  async refuses(jwt: string | Promise<string>, sentence: RegExp, code: ProblemCode = "unauthenticated"): Promise<void> {
    const work = this.verify(jwt).then(() => undefined, (thrown: unknown) => thrown);
    let thrown: unknown;
    let done = false;
    work.then((result) => [thrown, done] = [result, true]);
    while (!done) await this.clock.settle();
    if (!(thrown instanceof KeyringError)) throw thrown ?? new Error("it was accepted");
    match(thrown.message, sentence);
    equal(thrown.code, code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.issuer?.[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** Runs a test with an issuer. */
function withIssuer(
  work: (test: TestIssuer) => Promise<void>,
  changes: Partial<IssuerSettings> = {},
  keysOf?: (origin: string) => IssuerKeys,
): () => Promise<void> {
  return () =>
    inFolder(async (folder) => {
      await using test = await TestIssuer.open(folder, changes, keysOf);
      await work(test);
    });
}

Deno.test(
  "OidcIssuer accepts a token of its issuer and audience, with the claims that a policy can compare",
  withIssuer(async (test) => {
    const claims = { env: "prod", admin: true, run: 7, groups: ["a", "b"], nested: { a: 1 }, mixed: ["a", 1] };
    const verified = await test.verify(test.token(claims));
    equal(verified.kind, "oidc");
    equal(verified.name, "oidc:ci/repo:acme/shop");
    deepEqual([verified.taker.kind, verified.taker.name, verified.taker.subject], ["issuer", "ci", "repo:acme/shop"]);
    const found = Object.fromEntries(verified.taker.claims);
    deepEqual([found.env, found.admin, found.run, found.groups], ["prod", "true", "7", ["a", "b"]]);
    deepEqual([found.nested, found.mixed], [undefined, undefined]);
  }),
);

Deno.test(
  "OidcIssuer takes one of several audiences, and 60 seconds of skew",
  withIssuer(async (test) => {
    await test.verify(test.token({ aud: ["other", "trousseau"] }));
    await test.verify(test.token({ iat: test.now + 59, exp: test.now + hour }));
    await test.verify(test.token({ iat: test.now - hour - 59, exp: test.now - 59 }));
    await test.verify(test.token({ nbf: test.now + 59 }));
  }),
);

const refusals: readonly (readonly [string, (test: TestIssuer) => Readonly<Record<string, unknown>>, RegExp])[] = [
  ["another audience", () => ({ aud: "other" }), /it is for another audience\.$/],
  ["no audience", () => ({ aud: undefined }), /it is for another audience/],
  ["another issuer", () => ({ iss: "https://other.example" }), /it is of another issuer/],
  ["no issuer", () => ({ iss: undefined }), /it is of another issuer/],
  ["an issuer with a slash", (test) => ({ iss: `${test.server.origin}/` }), /it is of another issuer/],
  ["an expired token", ({ now }) => ({ iat: now - hour - 61, exp: now - 61 }), /it has expired/],
  ["no expiry", () => ({ exp: undefined }), /it has no expiry/],
  ["no time of issue", () => ({ iat: undefined }), /it has no time of issue/],
  ["a token of the future", ({ now }) => ({ iat: now + 61, exp: now + hour }), /it was issued in the future/],
  ["a token that is not valid yet", ({ now }) => ({ nbf: now + 61 }), /it is not valid yet/],
  [
    "a token that lasts too long",
    ({ now }) => ({ exp: now + hour + 1 }),
    /it lasts longer than tokens of this issuer may/,
  ],
  ["an end before the beginning", ({ now }) => ({ iat: now + 30, exp: now + 20 }), /it expires before it was issued/],
  ["no subject", () => ({ sub: undefined }), /it has no subject/],
  ["an empty subject", () => ({ sub: "" }), /its subject is not a name/],
  ["a subject with a line break", () => ({ sub: "a\nb" }), /its subject is not a name/],
  ["a subject that is too long", () => ({ sub: "a".repeat(513) }), /its subject is not a name/],
];

for (const [criterion, claims, sentence] of refusals) {
  Deno.test(`OidcIssuer refuses ${criterion}`, withIssuer((test) => test.refuses(test.token(claims(test)), sentence)));
}

Deno.test(
  "OidcIssuer takes longer tokens where the issuer is configured for them",
  withIssuer(async (test) => {
    await test.verify(test.token({ exp: test.now + 24 * hour }));
    await test.refuses(test.token({ exp: test.now + 24 * hour + 1 }), /it lasts longer/);
  }, { maxLifetimeMs: 24 * hour * 1000 }),
);

Deno.test(
  "OidcIssuer refuses signatures of other keys, and algorithms that are not in its list",
  withIssuer(async (test) => {
    const [other, forged] = [await testKey("other"), await testKey("one")];
    await test.refuses(test.token({}, forged), /its signature does not verify/);
    await test.refuses(test.token({}, other), /the issuer has no key of its ID and algorithm/);
    const rsa = await testKey("rsa", "PS256");
    test.keys = [...test.keys, rsa];
    await test.refuses(test.token({}, rsa), /its algorithm is not in the list of this issuer/);
    const secret = new TextEncoder().encode(JSON.stringify(test.keys[0]?.jwk));
    const hmac = await new SignJWT({
      iss: test.server.origin,
      aud: "trousseau",
      sub: "x",
      iat: test.now,
      exp: test.now + 9,
    })
      .setProtectedHeader({ alg: "HS256", kid: "one" }).sign(secret);
    await test.refuses(hmac, /its algorithm is not in the list of this issuer/);
    const [, payload = ""] = (await test.token()).split(".");
    const none = btoa(JSON.stringify({ alg: "none" })).replaceAll("=", "");
    await test.refuses(`${none}.${payload}.AA`, /its algorithm is not in the list|it does not verify/);
  }),
);

Deno.test(
  "OidcIssuer finds a new key of its issuer, and asks for it every 30 seconds at most",
  withIssuer(async (test) => {
    await test.verify(test.token());
    const next = await testKey("two");
    const loads = () => test.server.requests.filter(({ path }) => path === "/keys").length;
    equal(loads(), 1);
    await test.refuses(test.token({}, next), /no key of its ID/);
    equal(loads(), 1, "it was loaded within the last 30 seconds");
    await test.clock.advance(30_000);
    test.keys = [next];
    await test.verify(test.token({}, next));
    equal(loads(), 2);
    for (let times = 0; times < 5; times++) await test.refuses(test.token({}, await testKey("x")), /no key of its ID/);
    equal(loads(), 2);
  }),
);

Deno.test(
  "OidcIssuer drops a key that its issuer has removed after 10 minutes",
  withIssuer(async (test) => {
    const [old] = test.keys;
    await test.verify(test.token());
    test.keys = [await testKey("two")];
    await test.clock.advance(600_001);
    await test.refuses(test.token({}, old), /no key of its ID/);
  }),
);

Deno.test(
  "OidcIssuer serves on with keys of up to an hour while its issuer is away",
  withIssuer(async (test) => {
    await test.verify(test.token());
    test.server.fault = "reset";
    await test.clock.advance(3_600_000);
    await test.verify(test.token());
    await test.clock.advance(1);
    await test.refuses(test.token(), /^Cannot load the keys of the issuer "ci": /, "issuer_unavailable");
    test.server.fault = undefined;
    await test.clock.advance(30_000);
    await test.verify(test.token());
  }),
);

const faults = ["cut", "reset", "text", { status: 500 }, { status: 404 }] as const;

for (const fault of faults) {
  Deno.test(
    `OidcIssuer answers issuer_unavailable where its issuer fails: ${JSON.stringify(fault)}`,
    withIssuer(async (test) => {
      test.server.fault = fault;
      await test.refuses(test.token(), /^Cannot load the keys of the issuer "ci": .*\.$/, "issuer_unavailable");
    }),
  );
}

Deno.test(
  "OidcIssuer gives up on an issuer that does not answer within 10 seconds",
  withIssuer(async (test) => {
    test.server.fault = "hang";
    const work = test.verify(test.token()).then(() => "accepted", (thrown: KeyringError) => thrown.code);
    while (test.server.requests.length === 0) await test.clock.settle();
    await test.clock.advance(10_000);
    equal(await work, "issuer_unavailable");
  }),
);

Deno.test(
  "OidcIssuer ends with its caller, and others go on waiting for the same keys",
  withIssuer(async (test) => {
    test.server.fault = "hang";
    const caller = new AbortController();
    const jwt = await test.token();
    const gone = test.issuer?.verify(jwt, caller.signal).then(() => "accepted", (thrown: KeyringError) => thrown.code);
    while (test.server.requests.length === 0) await test.clock.settle();
    caller.abort();
    equal(await gone, "issuer_unavailable");
  }),
);

Deno.test(
  "OidcIssuer refuses a discovery document of another issuer, and keys that are not behind https",
  withIssuer(async (test) => {
    const { origin } = test.server;
    const discovery = "/.well-known/openid-configuration";
    test.server.documents.set(discovery, () => ({ issuer: "https://other.example", jwks_uri: `${origin}/keys` }));
    await test.refuses(test.token(), /its discovery document is not one of this issuer/, "issuer_unavailable");
    await test.clock.advance(30_000);
    const plain = origin.replace("https", "http");
    test.server.documents.set(discovery, () => ({ issuer: origin, jwks_uri: `${plain}/keys` }));
    await test.refuses(test.token(), /their address does not begin with https/, "issuer_unavailable");
    await test.clock.advance(30_000);
    test.server.documents.set(discovery, () => ({ issuer: origin, jwks_uri: `${origin}/keys` }));
    test.server.documents.set("/keys", () => ({ keys: "none" }));
    await test.refuses(test.token(), /they are no JSON Web Key Set/, "issuer_unavailable");
  }),
);

Deno.test("OidcIssuer refuses a server whose certificate it does not trust", () =>
  inFolder(async (folder) => {
    await using other = await JsonServer.open();
    const caFile = join(folder, "other.pem");
    await Deno.writeTextFile(caFile, other.authority.certificate);
    await using test = await TestIssuer.open(folder, { tls: { caFile } });
    await test.refuses(
      test.token(),
      /Cannot load the keys of the issuer "ci": The issuer ci at .* certificate/,
      "issuer_unavailable",
    );
    equal(test.server.requests.length, 0);
  }));

Deno.test("OidcIssuer reads keys from an address and from a file", async () => {
  await withIssuer(
    async (test) => {
      await test.verify(test.token());
      deepEqual(test.server.requests.map(({ path }) => path), ["/keys"]);
    },
    {},
    (origin) => ({ from: "url", url: `${origin}/keys` }),
  )();
  await inFolder(async (folder) => {
    const path = join(folder, "keys.json");
    await using test = await TestIssuer.open(folder, {}, () => ({ from: "file", path }));
    await test.refuses(test.token(), /the file .*keys\.json cannot be read/, "issuer_unavailable");
    await Deno.writeTextFile(path, JSON.stringify({ keys: test.keys.map(({ jwk }) => jwk) }));
    await test.clock.advance(30_000);
    await test.verify(test.token());
    equal(test.server.requests.length, 0);
  });
});

Deno.test(
  "OidcIssuer is total: any text of the form of a token is refused",
  withIssuer(async (test) => {
    const [header = "", payload = "", signature = ""] = (await test.token()).split(".");
    const part = fc.oneof(
      fc.constantFrom(header, payload, signature),
      fc.base64String().map((text) => text.replace(/[+/=]/g, "")),
      fc.json().map((text) => btoa(encodeURIComponent(text)).replaceAll("=", "")),
    );
    const anyToken = fc.tuple(part, part, part).map((parts) => parts.join("."));
    await fc.assert(
      fc.asyncProperty(anyToken, async (jwt) => {
        if (jwt !== [header, payload, signature].join(".")) {
          await test.refuses(jwt, /^The token of the login is refused: /);
        }
      }),
      { numRuns: 60 },
    );
  }),
);

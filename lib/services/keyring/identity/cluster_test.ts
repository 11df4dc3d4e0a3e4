import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { join } from "node:path";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { type JsonRequestSeen, JsonServer } from "../../../../tests/support/json_server.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { KeyringError, type ProblemCode } from "../../../api/keyring/problems.ts";
import { base64url, utf8 } from "../../../base/bytes.ts";
import { Secret } from "../../../base/secret.ts";
import { KubernetesCluster } from "./cluster.ts";
import { LoginVerifier } from "./login.ts";

const never = new AbortController().signal;
const path = "/apis/authentication.k8s.io/v1/tokenreviews";

interface Status {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[] | null;
  readonly user?: unknown;
  readonly error?: string;
}

const user = {
  username: "system:serviceaccount:shop:web",
  uid: "8d7f",
  groups: ["system:serviceaccounts", "system:serviceaccounts:shop"],
  extra: { "authentication.kubernetes.io/pod-name": ["web-1"] },
};
const accepted: Status = { authenticated: true, audiences: ["trousseau"], user };

interface TestCluster {
  readonly server: JsonServer;
  readonly clock: FakeClock;
  readonly cluster: KubernetesCluster;
  status: Status;
  verify(jwt?: string): ReturnType<KubernetesCluster["verify"]>;
  refuses(sentence: RegExp, code?: ProblemCode): Promise<void>;
}

/** A token in form. @param expires seconds from the beginning of the test's clock. */
function jwtOf(id: string, expires = 3_600): string {
  const part = (value: unknown) => base64url(utf8(JSON.stringify(value)));
  return [{ alg: "RS256" }, { jti: id, exp: 1_700_000_000 + expires }, "signature"].map(part).join(".");
}

/** Runs a test with a cluster whose reviews have the status of the test. */
function withCluster(work: (test: TestCluster) => Promise<void>, name = "prod"): () => Promise<void> {
  return () =>
    inFolder(async (folder) => {
      await using server = await JsonServer.open();
      const caFile = join(folder, "ca.pem");
      await Deno.writeTextFile(caFile, server.authority.certificate);
      const clock = new FakeClock();
      const token = { description: "file token", read: () => Promise.resolve(new Secret("reviewer")) };
      const settings = { name, address: server.origin, audience: "trousseau", token, tls: { caFile } };
      using cluster = await KubernetesCluster.open(settings, { clock, notify: () => {} });
      const test: TestCluster = {
        server,
        clock,
        cluster,
        status: accepted,
        verify: (jwt = jwtOf("a")) => cluster.verify(jwt, never),
        async refuses(sentence, code = "unauthenticated") {
          const thrown = await this.verify().then(() => undefined, (thrown: unknown) => thrown);
          if (!(thrown instanceof KeyringError)) throw thrown ?? new Error("it was accepted");
          match(thrown.message, sentence);
          equal(thrown.code, code);
        },
      };
      server.documents.set(path, ({ body }: JsonRequestSeen) => ({ ...(body as object), status: test.status }));
      await work(test);
    });
}

Deno.test(
  "KubernetesCluster asks for a review for its audience with its own token",
  withCluster(async (test) => {
    const verified = await test.verify();
    deepEqual(test.server.requests, [{
      method: "POST",
      path,
      authorization: "Bearer reviewer",
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token: jwtOf("a"), audiences: ["trousseau"] },
      },
    }]);
    deepEqual([verified.kind, verified.name], ["kubernetes", "kubernetes:prod/shop/web"]);
    const { taker } = verified;
    deepEqual([taker.kind, taker.name, taker.subject], ["cluster", "prod", "system:serviceaccount:shop:web"]);
    deepEqual(Object.fromEntries(taker.claims), {
      "authentication.kubernetes.io/pod-name": ["web-1"],
      groups: user.groups,
      namespace: "shop",
      serviceaccount: "web",
    });
  }),
);

Deno.test(
  "KubernetesCluster gives the same ServiceAccount of another cluster another name",
  withCluster(async (test) => {
    const { name, taker } = await test.verify();
    deepEqual([name, taker.name], ["kubernetes:dev/shop/web", "dev"]);
  }, "dev"),
);

const refusals: readonly (readonly [string, Status, RegExp])[] = [
  [
    "a token that is not authenticated",
    { authenticated: false, error: "expired" },
    /its cluster does not accept it\.$/,
  ],
  ["an empty status", {}, /its cluster does not accept it/],
  ["another audience", { ...accepted, audiences: ["https://kubernetes.default.svc"] }, /it is for another audience/],
  ["no audience, as of an API server that knows none", { authenticated: true, user }, /it is for another audience/],
  ["no user", { authenticated: true, audiences: ["trousseau"] }, /it is not a token of a ServiceAccount/],
  ["a person", { ...accepted, user: { username: "anna" } }, /it is not a token of a ServiceAccount/],
  ["a node", { ...accepted, user: { username: "system:node:n1" } }, /it is not a token of a ServiceAccount/],
  [
    "a name with a further segment",
    { ...accepted, user: { username: "system:serviceaccount:shop:web:x" } },
    /it is not a token of a ServiceAccount/,
  ],
  [
    "a name with a slash",
    { ...accepted, user: { username: "system:serviceaccount:shop:web/x" } },
    /it is not a token of a ServiceAccount/,
  ],
];

for (const [criterion, status, sentence] of refusals) {
  Deno.test(
    `KubernetesCluster refuses ${criterion}`,
    withCluster(async (test) => {
      test.status = status;
      await test.refuses(sentence);
      test.status = accepted;
      await test.clock.advance(9_999);
      await test.refuses(sentence);
      equal(test.server.requests.length, 1, "a refusal is remembered");
      await test.clock.advance(1);
      await test.verify();
    }),
  );
}

Deno.test(
  "KubernetesCluster remembers an accepted token for 10 seconds, and no other token",
  withCluster(async (test) => {
    await test.verify();
    test.status = { authenticated: false };
    await test.clock.advance(9_999);
    await test.verify();
    await test.verify(jwtOf("x")).then(() => Promise.reject(new Error("accepted")), () => {});
    await test.clock.advance(1);
    await test.refuses(/does not accept it/);
  }),
);

Deno.test(
  "KubernetesCluster asks for no review of a token that is not in form or has expired",
  withCluster(async (test) => {
    const bare = base64url(utf8("[]"));
    const wrong = ["a.b.c", "", "a.b", `${jwtOf("a")}.more`, `${bare}.${bare}.${bare}`, `${jwtOf("a")}=`];
    for (const jwt of wrong) {
      await rejects(test.verify(jwt), { code: "unauthenticated", message: /has not the form of a JWT/ }, jwt);
    }
    await rejects(test.verify(jwtOf("a", -60)), { message: /it has expired/ });
    await test.verify(jwtOf("a", -59));
    equal(test.server.requests.length, 1);
  }),
);

Deno.test(
  "KubernetesCluster remembers a thousand refusals, which drive no accepted token out",
  withCluster(async (test) => {
    await test.verify();
    test.status = { authenticated: false };
    for (let index = 0; index <= 1_000; index++) await rejects(test.verify(jwtOf(`${index}`)));
    const before = test.server.requests.length;
    await test.verify();
    await rejects(test.verify(jwtOf("1000")));
    equal(test.server.requests.length, before);
    await rejects(test.verify(jwtOf("0")));
    equal(test.server.requests.length, before + 1);
  }),
);

const faults = [
  ["cut", /^Cannot review the token by the cluster "prod": The cluster prod at .* closed the connection/],
  ["reset", /The cluster prod at .* closed the connection/],
  ["text", /its answer is no TokenReview/],
  [{ status: 500 }, /it answered with status 500/],
  [{ status: 429 }, /it answered with status 429/],
  [{ status: 401 }, /it refuses this server \(status 401\); bind the ClusterRole system:auth-delegator/],
  [{ status: 403 }, /it refuses this server \(status 403\)/],
] as const;

for (const [fault, sentence] of faults) {
  Deno.test(
    `KubernetesCluster answers issuer_unavailable for a fault: ${JSON.stringify(fault)}`,
    withCluster(async (test) => {
      test.server.fault = fault;
      await test.refuses(sentence, "issuer_unavailable");
      test.server.fault = undefined;
      await test.verify();
    }),
  );
}

Deno.test(
  "KubernetesCluster refuses an answer of another form",
  withCluster(async (test) => {
    const wrong = [
      { authenticated: "true" },
      { ...accepted, audiences: "trousseau" },
      { ...accepted, user: "anna" },
      null,
    ];
    for (const status of wrong) {
      test.status = status as Status;
      await test.refuses(/its answer is no TokenReview/, "issuer_unavailable");
    }
  }),
);

Deno.test(
  "KubernetesCluster gives up after 10 seconds",
  withCluster(async (test) => {
    test.server.fault = "hang";
    const work = test.verify().then(() => "accepted", (thrown: KeyringError) => `${thrown.code}: ${thrown.message}`);
    while (test.server.requests.length === 0) await test.clock.settle();
    await test.clock.advance(10_000);
    match(await work, /^issuer_unavailable: .*did not answer within/);
  }),
);

Deno.test("KubernetesCluster says so if nothing listens at its address", async () => {
  await inFolder(async (folder) => {
    const server = await JsonServer.open();
    const { origin } = server;
    const caFile = join(folder, "ca.pem");
    await Deno.writeTextFile(caFile, server.authority.certificate);
    await server[Symbol.asyncDispose]();
    const settings = { name: "prod", address: origin, audience: "trousseau", tls: { caFile } };
    using cluster = await KubernetesCluster.open(settings, { clock: new FakeClock(), notify: () => {} });
    const thrown = await cluster.verify(jwtOf("a"), never).then(() => undefined, (thrown: KeyringError) => thrown);
    match(thrown?.message ?? "", /The cluster prod at .* refused the connection\.$/);
  });
});

Deno.test(
  "LoginVerifier finds the cluster or issuer by its name, or the only one of the method",
  withCluster(async (test) => {
    const asked: string[] = [];
    const issuer = (name: string) => ({ name, verify: () => (asked.push(name), test.verify()) });
    const one = new LoginVerifier({ clusters: [test.cluster], issuers: [] });
    equal((await one.verify({ method: "kubernetes", jwt: jwtOf("a") }, never)).name, "kubernetes:prod/shop/web");
    const two = new LoginVerifier({ clusters: [], issuers: [issuer("github"), issuer("gitlab")] });
    await two.verify({ method: "oidc", issuer: "gitlab", jwt: jwtOf("a") }, never);
    deepEqual(asked, ["gitlab"]);
    const fails = async (
      verifier: LoginVerifier,
      request: Parameters<LoginVerifier["verify"]>[0],
      sentence: RegExp,
    ) => {
      const thrown = await verifier.verify(request, never).then(() => undefined, (thrown: Error) => thrown);
      match(thrown?.message ?? "it was accepted", sentence);
    };
    await fails(one, { method: "oidc", jwt: jwtOf("a") }, /^Cannot log in: no issuer is configured\.$/);
    await fails(
      two,
      { method: "oidc", jwt: jwtOf("a") },
      /2 are configured for this method; give the name of the issuer\.$/,
    );
    await fails(
      two,
      { method: "oidc", issuer: "gitlap", jwt: jwtOf("a") },
      /no issuer of this name is configured\. Did you mean "gitlab"\?$/,
    );
    for (const jwt of ["", "a.b", "a.b.c.d", "a.b. c", "a..c", `a.b.${"c".repeat(16_384)}`]) {
      await fails(one, { method: "kubernetes", jwt }, /it has not the form of a JWT/);
    }
  }),
);

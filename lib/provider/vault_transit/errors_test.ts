import assert from "node:assert/strict";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, refusedWith, tokenAuth, userpassAuth } from "../../../tests/support/vault_settings.ts";
import { refusal } from "./errors.ts";

const action = 'probe with provider "vault-eu"';
const denied = { errors: ["1 error occurred:\n\t* permission denied\n\n"] };

/** The part of the sentence in brackets. */
function why(answer: Parameters<typeof refusal>[0]): string {
  const { code, message } = refusal(answer, action);
  return `${code}: ${/\((.*)\)\.$/.exec(message)?.[1]}`;
}

Deno.test("refusal() names the path that a 403 was for, and the right that it takes", () => {
  const answer = (method: "GET" | "POST", path: string, hasToken = true) =>
    why({ status: 403, body: denied, retryAfterMs: undefined, asked: { method, path, hasToken } });
  for (const verb of ["encrypt", "decrypt", "rewrap"]) {
    assert.equal(
      answer("POST", `transit/${verb}/kubernetes`),
      `permission_denied: the token's policies do not allow update on transit/${verb}/kubernetes: look at mount, key or policy`,
    );
  }
  assert.match(
    answer("GET", "transit/keys/kubernetes"),
    /do not allow read on transit\/keys\/kubernetes: look at mount/,
  );
  assert.match(answer("GET", "transit/keys/k", false), /the agent adds no token, .* use_auto_auth_token = true/);
});

Deno.test("a policy that lacks rewrap is named by the path that it lacks", async () => {
  await using vault = new VaultDouble();
  vault.intercept = ({ path }) => path.includes("/rewrap/") ? refuse(403, "permission denied") : undefined;
  await using provider = (await openVault(vault.address, { auth: tokenAuth("root") })).provider;
  const sentence = /Vault answered 403 \(the token's policies do not allow update on transit\/rewrap\/kubernetes: /;
  await assert.rejects(provider.probe(patient), refusedWith("permission_denied", sentence));
});

Deno.test("refusal() names the target of a redirect, and where to write it", () => {
  const answer = (status: number, configured: boolean) =>
    why({ status, body: undefined, retryAfterMs: undefined, redirect: { origin: "https://b.test:8200", configured } });
  assert.equal(
    answer(307, false),
    "unreachable: standby; it redirects to https://b.test:8200, which is not followed: write that into addresses",
  );
  assert.match(answer(307, true), /among the addresses and did not serve either$/);
  // Not Vault's own: the token must not be sent to where a page for logins is.
  for (const status of [301, 302, 308]) {
    assert.equal(
      answer(status, false),
      "unreachable: a redirect; it redirects to https://b.test:8200, which is not followed: look at what answers at the " +
        "address, and write the target into addresses only if it is your Vault",
    );
  }
});

Deno.test("refusal() takes a token that Vault cannot place for one that it refuses, though the status is 500", () => {
  // Vault 1.21, of a token in quotation marks.
  const errors = ["error performing token check: failed to look up namespace from the token: no namespace"];
  assert.equal(
    why({ status: 500, body: { errors }, retryAfterMs: undefined }),
    "unauthenticated: it knows no such token; look for quotation marks around it, and whether it is of this Vault",
  );
});

Deno.test("refusal() says that an agent cannot reach Vault, and repeats nothing of its text", () => {
  const errors = ['failed to get the response: Get "https://canary:8200": dial tcp: connection refused'];
  const words = why({ status: 500, body: { errors }, retryAfterMs: undefined });
  assert.equal(words, "unreachable: the agent cannot reach Vault; look at its log");
});

Deno.test("refusal() tells a 404 of Vault from one of something before it", () => {
  const answer = (body: unknown) => why({ status: 404, body, retryAfterMs: undefined });
  assert.equal(answer({ errors: [] }), "key_unknown: there is no such key or mount");
  assert.match(answer(undefined), /^unreachable: not from Vault's API, .* look at the path in address$/);
});

Deno.test("refusal() tells a 401 or 403 of something before Vault from Vault's own", () => {
  for (const status of [401, 403]) {
    const answer = (body: unknown) =>
      why({ status, body, retryAfterMs: undefined, asked: { method: "POST", path: "a/b", hasToken: false } });
    for (const body of [undefined, {}, { message: "forbidden by canary" }]) {
      assert.equal(
        answer(body),
        "unreachable: not from Vault's API, but from something before it: look at the log of the proxy, and at address",
      );
    }
    assert.doesNotMatch(answer(denied), /not from Vault's API/);
  }
});

Deno.test("a 403 of something before Vault brings no login, and is no refusal of the key", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpassAuth() })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(new Uint8Array(32), at, patient);
  vault.intercept = () => new Response("<html>blocked</html>", { status: 403 });
  for (let calls = 0; calls < 3; calls++) {
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("unreachable", /but from something before it/));
  }
  assert.equal(vault.asked("auth/userpass/login").length, 1);
  await using other = (await openVault(vault.address, { auth: userpassAuth() })).provider;
  await assert.rejects(
    other.probe(patient),
    refusedWith("unreachable", /Cannot log in .* but from something before it/),
  );
});

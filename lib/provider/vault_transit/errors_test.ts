import assert from "node:assert/strict";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, refusedWith, tokenAuth, userpassAuth } from "../../../tests/support/vault_settings.ts";
import { refusal } from "./errors.ts";

const action = 'probe with provider "vault-eu"';
const denied = { errors: ["1 error occurred:\n\t* permission denied\n\n"] };

/** The part of the message in brackets. */
function why(answer: Parameters<typeof refusal>[0]): string {
  const { code, message } = refusal(answer, action);
  return `${code}: ${/\((.*)\)\.$/.exec(message)?.[1]}`;
}

Deno.test("refusal() names the path of a 403, and the required permission", () => {
  const answer = (method: "GET" | "POST", path: string, hasToken = true) =>
    why({ status: 403, body: denied, retryAfterMs: undefined, request: { method, path, hasToken } });
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

Deno.test("a policy that lacks rewrap is reported with the path that it lacks", async () => {
  await using vault = new VaultDouble();
  vault.intercept = ({ path }) => path.includes("/rewrap/") ? refuse(403, "permission denied") : undefined;
  await using provider = (await openVault(vault.address, { auth: tokenAuth("root") })).provider;
  const sentence = /Vault answered 403 \(the token's policies do not allow update on transit\/rewrap\/kubernetes: /;
  await assert.rejects(provider.probe(patient), refusedWith("permission_denied", sentence));
});

Deno.test("refusal() names the target of a redirect, and the setting for it", () => {
  const answer = (status: number, configured: boolean) =>
    why({ status, body: undefined, retryAfterMs: undefined, redirect: { origin: "https://b.test:8200", configured } });
  assert.equal(
    answer(307, false),
    "unreachable: standby; it redirects to https://b.test:8200, which is not followed: write that into addresses",
  );
  assert.match(answer(307, true), /among the addresses and did not serve either$/);
  // Not Vault's own redirect: the token must not be sent to the address of a login page.
  for (const status of [301, 302, 308]) {
    assert.equal(
      answer(status, false),
      "unreachable: a redirect; it redirects to https://b.test:8200, which is not followed: look at what answers at the " +
        "address, and write the target into addresses only if it is your Vault",
    );
  }
});

Deno.test("refusal() maps a token that Vault cannot attribute to a refused one, though the status is 500", () => {
  // The text of Vault 1.21 for a token in quotation marks.
  const errors = ["error performing token check: failed to look up namespace from the token: no namespace"];
  assert.equal(
    why({ status: 500, body: { errors }, retryAfterMs: undefined }),
    "unauthenticated: it knows no such token; look for quotation marks around it, and whether it is of this Vault",
  );
});

Deno.test("refusal() reports that an agent cannot reach Vault, and repeats nothing of its text", () => {
  const errors = ['failed to get the response: Get "https://canary:8200": dial tcp: connection refused'];
  const words = why({ status: 500, body: { errors }, retryAfterMs: undefined });
  assert.equal(words, "unreachable: the agent cannot reach Vault; look at its log");
});

Deno.test("refusal() distinguishes a 404 of Vault from one of a proxy in front of it", () => {
  const answer = (body: unknown) => why({ status: 404, body, retryAfterMs: undefined });
  assert.equal(answer({ errors: [] }), "key_unknown: there is no such key or mount");
  assert.match(answer(undefined), /^unreachable: not from Vault's API, .* look at the path in address$/);
});

Deno.test("refusal() distinguishes a 401 or 403 of a proxy in front of Vault from Vault's own", () => {
  for (const status of [401, 403]) {
    const answer = (body: unknown) =>
      why({ status, body, retryAfterMs: undefined, request: { method: "POST", path: "a/b", hasToken: false } });
    for (const body of [undefined, {}, { message: "forbidden by canary" }]) {
      assert.equal(
        answer(body),
        "unreachable: not from Vault's API, but from something before it: look at the log of the proxy, and at address",
      );
    }
    assert.doesNotMatch(answer(denied), /not from Vault's API/);
  }
});

Deno.test("a 403 of a proxy in front of Vault causes no login, and is no refusal of the key", async () => {
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

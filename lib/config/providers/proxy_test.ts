import assert from "node:assert/strict";
import { fakeFiles } from "../../../tests/support/fake_files.ts";
import { environmentFrom } from "../environment.ts";
import { loadConfig } from "../load.ts";

/** Loads a configuration of one Vault with these lines of `proxy`. */
async function load(proxy: object) {
  const address = "https://vault.example:8200";
  const auth = { method: "token", token: { variable: "VAULT_TOKEN" } };
  const provider = { name: "vault", kind: "vault-transit", address, key: "kubernetes", auth, proxy };
  const contents = { "trousseau.yaml": JSON.stringify({ providers: [provider] }) };
  const environment = environmentFrom((name) =>
    name === "VAULT_TOKEN" || name === "TROUSSEAU_SECRET_P" ? "x" : undefined
  );
  const { providers: [loaded] } = await loadConfig("trousseau.yaml", environment, fakeFiles({ contents }));
  return loaded?.settings.kind === "vault-transit" ? loaded.settings.tls.proxy : undefined;
}

const login = { username: "user", password: { variable: "TROUSSEAU_SECRET_P" } };

Deno.test("proxy accepts http and https, and credentials by reference", async () => {
  assert.deepEqual(await load({ address: "http://proxy.example:3128/" }), { address: "http://proxy.example:3128" });
  for (const address of ["https://proxy.example:3129", "http://127.0.0.1:3128", "http://[::1]:3128"]) {
    const found = await load({ address, ...login });
    assert.equal(found?.address, address);
    assert.equal((await found?.login?.password.read())?.reveal(), "x");
  }
});

const mistakes: readonly (readonly [object, RegExp])[] = [
  [{}, /proxy\.address: is missing|proxy\.address: must be/],
  [{ address: "proxy.example:3128" }, /must be an origin/],
  [{ address: "socks5://proxy.example" }, /must be an origin/],
  [{ address: "http://user:canary@proxy.example" }, /must be an origin/],
  [{ address: "http://proxy.example:3128", ...login }, /must begin with https:\/\/ where there is a password/],
  [{ address: "https://proxy.example", username: "user" }, /username: needs password too/],
  [{ address: "https://proxy.example", password: login.password }, /password: needs username too/],
  [{ address: "https://proxy.example", username: "user", password: "canary" }, /must not stand in the config/],
  [{ address: "https://proxy.example", username: "a:b", password: login.password }, /without spaces and :/],
];

for (const [written, sentence] of mistakes) {
  Deno.test(`proxy refuses ${JSON.stringify(written)}`, async () => {
    await assert.rejects(load(written), (thrown) => {
      assert.ok(thrown instanceof Error);
      assert.match(thrown.message, sentence);
      assert.ok(!thrown.message.includes("canary"));
      return true;
    });
  });
}

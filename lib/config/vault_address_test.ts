import assert from "node:assert/strict";
import fc from "fast-check";
import { addressOf } from "../net/https/address.ts";
import { parseVaultAddress, vaultAddressPattern } from "./vault_address.ts";

Deno.test("parseVaultAddress() accepts origins, origins with a path, and sockets below /run", () => {
  const good = [
    ["https://Vault.Example:8200/", "https://vault.example:8200"],
    ["https://vault.example:443/vault", "https://vault.example/vault"],
    ["https://vault.example/a/b-c/d.e_f~1/", "https://vault.example/a/b-c/d.e_f~1"],
    ["http://127.0.0.1:8100/agent", "http://127.0.0.1:8100/agent"],
    ["http://[::1]:8100", "http://[::1]:8100"],
    ["unix:///run/vault/agent.sock", "unix:///run/vault/agent.sock"],
    ["unix:///var/run/vault-proxy.sock", "unix:///var/run/vault-proxy.sock"],
    [`unix:///run/${"a".repeat(102)}`, `unix:///run/${"a".repeat(102)}`],
  ] as const;
  for (const [written, address] of good) {
    assert.deepEqual(parseVaultAddress(written), { address }, written);
    assert.match(written, vaultAddressPattern);
  }
});

Deno.test("parseVaultAddress() gives the reason for refusing any other, and repeats nothing", () => {
  const bad: readonly (readonly [string, RegExp, "also the schema"?])[] = [
    ["https://canary:canary@vault.example/vault", /must not hold a user name or password/, "also the schema"],
    ["https://vault.example/vault?canary=1", /query or a fragment/, "also the schema"],
    ["https://vault.example/vault#canary", /query or a fragment/, "also the schema"],
    ["https://vault.example?canary", /query or a fragment/, "also the schema"],
    ["https://vault.example//vault", /no empty segment/, "also the schema"],
    ["https://vault.example/vault//", /no empty segment/, "also the schema"],
    ["https://vault.example/a/../b", /no \. or \.\./, "also the schema"],
    ["https://vault.example/./b", /no \. or \.\./, "also the schema"],
    ["https://vault.example/%2e%2e/b", /no escapes/, "also the schema"],
    ["https://vault.example/a\\b", /no empty segment/, "also the schema"],
    ["https://vault.example/a\nb", /no empty segment/, "also the schema"],
    ["https://vault.example/v1", /must not end in \/v1/],
    ["https://vault.example/vault/v1/", /must not end in \/v1/],
    ["http://vault.example/vault", /must begin with https/],
    ["vault.example", /must be an address/, "also the schema"],
    ["ftp://vault.example", /must be an address/, "also the schema"],
    ["https://vault.example:99999", /must be an address/],
    ["https://vault.example:8200/ui/", /must not end in \/ui/],
    ["unix:/run/vault.sock", /below \/run or \/var\/run/, "also the schema"],
    ["unix://run/vault.sock", /below \/run or \/var\/run/, "also the schema"],
    ["unix:///tmp/vault.sock", /below \/run or \/var\/run/, "also the schema"],
    ["unix:///run/../etc/vault.sock", /below \/run or \/var\/run/, "also the schema"],
    ["unix:///run//vault.sock", /below \/run or \/var\/run/, "also the schema"],
    ["unix:///run/vault/", /below \/run or \/var\/run/, "also the schema"],
    ["unix:///run", /below \/run or \/var\/run/, "also the schema"],
    ["unix:///runaway/vault.sock", /below \/run or \/var\/run/, "also the schema"],
    [`unix:///run/${"a".repeat(103)}`, /at most 107 bytes/],
  ];
  for (const [written, why, schema] of bad) {
    const parsed = parseVaultAddress(written);
    assert.ok("complaint" in parsed, written);
    assert.match(parsed.complaint, why, written);
    assert.doesNotMatch(parsed.complaint, /canary/);
    if (schema !== undefined) assert.doesNotMatch(written, vaultAddressPattern);
  }
});

Deno.test("parseVaultAddress() accepts or refuses any text, and an accepted one leads to no other path", () => {
  const text = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom("https://vault.example", "unix:///run", "http://localhost:1"), fc.string())
      .map(([origin, rest]) => origin + rest),
  );
  fc.assert(fc.property(text, (written) => {
    const parsed = parseVaultAddress(written);
    if ("complaint" in parsed) return;
    const { prefix, socketPath, shown } = addressOf(parsed.address);
    assert.equal(shown, parsed.address);
    assert.equal(new URL(`https://a${prefix}/v1/x`).pathname, `${prefix}/v1/x`);
    assert.ok(socketPath === undefined || /^\/(var\/)?run\//.test(socketPath));
    assert.deepEqual(parseVaultAddress(parsed.address), parsed);
  }));
});

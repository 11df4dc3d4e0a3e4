import assert from "node:assert/strict";
import { complaints, localProvider, vaultProvider } from "../../tests/support/fake_files.ts";

Deno.test("loadConfig() never repeats a value that can be a secret, whatever the mistake", async () => {
  const canary = "hvs.CANARYcanary0123456789";
  const tame = "Canary-canary-0123";
  const mistaken = [
    ...[canary, tame].flatMap((secret) => [
      vaultProvider("    address: https://a", `{ method: token, token: ${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: { ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { file: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { file: token, variable: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { variable: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: { value: ${secret} } }`),
      vaultProvider("    address: https://a", `{ method: token, token: [${secret}] }`),
      vaultProvider("    address: https://a", `{ method: token, tokn: ${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, ${secret}: }`),
      vaultProvider("    address: https://a", `{ method: ${secret} }`),
      vaultProvider("    address: https://a", secret),
      vaultProvider("    address: https://a", `{ method: token, token: *${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: !${secret} x }`),
      vaultProvider("    address: https://a", `{ method: token, token: "${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: "\\q${secret}" }`),
      vaultProvider("    address: https://a", `{ method: token, token: %${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: @${secret} }`),
      vaultProvider("    address: https://a", `{ method: token, token: |${secret} }`),
      vaultProvider("    address: https://a", `|${secret}\n      x`),
      vaultProvider("    address: https://a", `{ method: userpass, username: a, password: ${secret} }`),
      vaultProvider("    address: https://a", `{ method: approle, roleId: { file: ${secret} }, secretId: ${secret} }`),
      vaultProvider(`    address: https://user:${secret}@vault:8200`),
      vaultProvider(`    address: http://${secret}@127.0.0.1`),
      vaultProvider(`    addresses: [https://vault/?token=${secret}]`),
      vaultProvider(`    address: https://a\n    token: ${secret}`),
      vaultProvider(`    address: https://a\n    token: ${secret}\n    token: ${secret}`),
      vaultProvider(`    address: https://a\n  ${secret}`),
      vaultProvider(`    address: https://a\n\t${secret}`),
    ]),
    vaultProvider(`    address: https://a\n    ${canary}: `),
    `${canary}: 1\n${localProvider}`,
  ];
  for (const config of mistaken) {
    const found = await complaints(config);
    assert.notDeepEqual(found, [], config);
    const said = found.join("\n").toLowerCase();
    for (const part of ["canary", "0123"]) assert.ok(!said.includes(part), `${config}\n${said}`);
  }
});

Deno.test("loadConfig() names the right place for a secret that is written into the config", async () => {
  assert.deepEqual(
    await complaints(vaultProvider("    address: https://a", '{ method: userpass, username: a, password: "pw" }')),
    [
      "5:44: providers[0].auth.password: must not stand in the config; put it into a file and write { file: PATH }, " +
      "or into a variable and write { variable: NAME }",
    ],
  );
});

/**
 * HashiCorp's own Go client uses the keyring as a KV version 2, over the admin socket and over TLS with the certificate
 * of a person.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { systemClock } from "../../lib/base/clock.ts";
import { openUnixListener } from "../../lib/services/keyring/http/unix_listener.ts";
import { TestKeyring } from "../support/keyring_api.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { enrolPerson, listenOverTls, vaultVariables } from "../support/keyring_clients.ts";
import { serverProgram } from "./servers.ts";

type Results = Readonly<Record<string, unknown>>;

async function vaultClient(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Results> {
  const program = await serverProgram("vault-client");
  const { success, stdout, stderr } = await new Deno.Command(program, { args, env, clearEnv: true }).output();
  equal(success, true, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The results of all steps but `login`. */
function checkResults(results: Results): void {
  const { cas, wrapping, namespace, login: _login, ...rest } = results;
  deepEqual(rest, {
    "put": 1,
    "put again": 2,
    "get": { password: "two" },
    "get version": { password: "one", port: 5432, tags: ["a"] },
    "patch": 3,
    "get patched": { password: "two", user: "john" },
    "rollback": 4,
    "absent": true,
    "delete": true,
    "get deleted": true,
    "undelete": true,
    "delete versions": true,
    "destroy": true,
    "versions": [
      "1 deleted=false destroyed=true",
      "2 deleted=true destroyed=false",
      "3 deleted=false destroyed=false",
      "4 deleted=false destroyed=false",
    ],
    "list": ["prod/"],
    "list absent": true,
    "health": true,
    "self": "service",
  });
  const { status, errors } = cas as { readonly status: number; readonly errors: readonly string[] };
  deepEqual([status, errors[0]], [400, "check-and-set parameter did not match the current version"]);
  for (const refused of [wrapping, namespace]) {
    equal((refused as { readonly status: number }).status, 400);
    match(JSON.stringify(refused), /not supported/);
  }
}

Deno.test("HashiCorp's client reads and writes over the admin socket without a token", async () => {
  await inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    const path = `${folder}/admin.sock`;
    const { answer } = keyring;
    await using _listener = await openUnixListener({
      path,
      mode: 0o600,
      socket: "admin",
      answer,
      clock: systemClock,
      notify: () => {},
    });
    checkResults(await vaultClient({ VAULT_ADDR: `unix://${path}` }));
  });
});

Deno.test("HashiCorp's client logs in by the certificate of a person, with one role of hers", async () => {
  await inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    await keyring.policy(`
roles:
  team: {take: [{person: anna}], rules: [{path: db, verbs: [list, read, write, destroy]}]}
  other: {take: [{person: anna}], rules: [{path: else, verbs: [read]}]}
`);
    const env = await vaultVariables(await enrolPerson(keyring, "anna"), folder);
    await using listener = await listenOverTls(keyring);
    const address = { ...env, VAULT_ADDR: listener.address };
    const results = await vaultClient(address, "cert", "team");
    equal(results.login, true);
    checkResults(results);
    const narrow = await vaultClient(address, "cert", "other");
    equal(narrow.login, true);
    equal((narrow.get as { readonly status: number }).status, 403);
    equal(((await vaultClient(address, "cert", "admin")).login as { readonly status: number }).status, 403);
  });
});

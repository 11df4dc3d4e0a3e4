/**
 * The command line of Vault works on the keyring over TLS: its commands for secrets, tokens, logins and state.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { enrolPerson, listenOverTls, vaultVariables } from "../support/keyring_clients.ts";
import { TestKeyring } from "../support/keyring_api.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { serverProgram } from "./servers.ts";

/** The result of a command. */
interface Result {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command; its words are separated by one space. */
type Vault = (command: string, input?: string) => Promise<Result>;

const policy = `
roles:
  team: {take: [{person: anna}], rules: [{path: db, verbs: [list, read, write, destroy]}]}
  reader: {take: [{person: anna}], rules: [{path: db, verbs: [list, read]}]}
`;

/** A keyring, and the command line with the certificate of a person who has logged in with the role. */
async function withVault(role: string, work: (vault: Vault, keyring: TestKeyring) => Promise<void>): Promise<void> {
  const program = await serverProgram("vault-commands");
  await inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    await keyring.policy(policy);
    await using listener = await listenOverTls(keyring);
    const person = await vaultVariables(await enrolPerson(keyring, "anna"), folder);
    const env = { ...person, HOME: folder, VAULT_ADDR: listener.address, VAULT_FORMAT: "json" };
    const vault: Vault = async (command, input) => {
      const args = command.split(" ");
      const options = { args, env, clearEnv: true, stdin: "piped", stdout: "piped", stderr: "piped" } as const;
      const child = new Deno.Command(program, options).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(input ?? "")).catch(() => {});
      await writer.close().catch(() => {});
      const { code, stdout, stderr } = await child.output();
      return { code, output: new TextDecoder().decode(stdout), errors: new TextDecoder().decode(stderr) };
    };
    await data(vault, `login -method=cert name=${role}`);
    await work(vault, keyring);
  });
}

/** The parsed output of a command that has to succeed. */
// deno-lint-ignore no-explicit-any
async function data(vault: Vault, command: string, input?: string): Promise<any> {
  const { code, output, errors } = await vault(command, input);
  equal(code, 0, `${command}: ${output}${errors}`);
  return output.trim() === "" || output.startsWith("Success!") ? undefined : JSON.parse(output);
}

/** Runs a command that has to be refused with a status and a sentence. */
async function refused(vault: Vault, command: string, status: number, sentence: RegExp): Promise<void> {
  const { code, output, errors } = await vault(command);
  equal(code, 2, `${command}: ${output}`);
  match(errors, new RegExp(`Code: ${status}\\b`), command);
  match(errors, sentence, command);
}

const john = "secret/db/prod/john";

Deno.test("vault kv puts, gets, patches and lists secrets, and a wrong cas has Vault's sentence", async () => {
  await withVault("team", async (vault) => {
    equal((await data(vault, `kv put -cas=0 ${john} password=one port=5432`)).data.version, 1);
    await refused(vault, `kv put -cas=0 ${john} password=x`, 400, /check-and-set parameter did not match/);
    equal((await data(vault, `kv put -mount=secret db/prod/john password=-`, "two")).data.version, 2);
    deepEqual((await data(vault, `kv get ${john}`)).data.data, { password: "two" });
    equal(await data(vault, `kv get -field=password ${john}`), "two");
    deepEqual((await data(vault, `kv get -version=1 ${john}`)).data.data, { password: "one", port: "5432" });
    equal((await data(vault, `kv patch ${john} user=john`)).data.version, 3);
    equal((await data(vault, `kv patch -method=rw ${john} user=anna`)).data.version, 4);
    deepEqual((await data(vault, `kv get ${john}`)).data.data, { password: "two", user: "anna" });
    deepEqual(await data(vault, "kv list secret/db"), ["prod/"]);
    deepEqual(await data(vault, "kv list -mount=secret db/prod"), ["john"]);
    deepEqual((await data(vault, "read secret/data/db/prod/john")).data.data.user, "anna");
    deepEqual(await data(vault, "list secret/metadata/db"), ["prod/"]);
    equal((await vault("kv get secret/db/none")).code, 2);
    await refused(vault, "kv get secret/hr/salaries", 403, /does not have the verb read/);
    await refused(vault, "kv list secret/hr", 403, /does not have the verb list/);
  });
});

Deno.test("vault kv deletes, undeletes, rolls back and destroys versions", async () => {
  await withVault("team", async (vault) => {
    for (const value of ["one", "two", "three"]) await data(vault, `kv put ${john} password=${value}`);
    await data(vault, `kv delete ${john}`);
    equal((await data(vault, `kv get ${john}`)).data.data, null);
    await data(vault, `kv undelete -versions=3 ${john}`);
    equal(await data(vault, `kv get -field=password ${john}`), "three");
    await data(vault, `kv delete -versions=1,2 ${john}`);
    await data(vault, `kv undelete -versions=2 ${john}`);
    equal((await data(vault, `kv rollback -version=2 ${john}`)).data.version, 4);
    equal(await data(vault, `kv get -field=password ${john}`), "two");
    await data(vault, `kv destroy -versions=1,3 ${john}`);
    const { versions } = (await data(vault, `kv metadata get ${john}`)).data;
    const shown = Object.values<{ readonly destroyed: boolean }>(versions).map(({ destroyed }) => destroyed);
    deepEqual(shown, [true, false, true, false]);
  });
});

Deno.test("vault kv metadata writes labels and the number of versions, and deletes all versions", async () => {
  await withVault("team", async (vault) => {
    await data(vault, `kv metadata put -custom-metadata=team=shop -max-versions=5 ${john}`);
    await data(vault, `kv put ${john} password=one`);
    await data(vault, `kv metadata patch -custom-metadata=stage=prod ${john}`);
    const { custom_metadata, max_versions } = (await data(vault, `kv metadata get ${john}`)).data;
    deepEqual([custom_metadata, max_versions], [{ stage: "prod", team: "shop" }, 5]);
    await data(vault, `kv metadata patch -remove-custom-metadata=team ${john}`);
    deepEqual((await data(vault, `kv metadata get ${john}`)).data.custom_metadata, { stage: "prod" });
    await refused(vault, `kv metadata put -cas-required ${john}`, 400, /must be false/);
    await refused(vault, `kv metadata put -delete-version-after=3h ${john}`, 400, /must be 0/);
    await data(vault, `kv metadata delete ${john}`);
    equal((await data(vault, `kv metadata get ${john}`)).data.versions["1"].destroyed, true);
  });
});

Deno.test("vault login, token and status work with a certificate and with a token", async () => {
  await withVault("reader", async (vault, keyring) => {
    const self = (await data(vault, "token lookup")).data;
    deepEqual([self.display_name, self.policies, self.renewable], ["person:anna", ["reader"], false]);
    await refused(vault, `kv put ${john} password=x`, 403, /does not have the verb write/);
    await refused(vault, "token renew", 403, /has no token of a login/);
    await refused(vault, "login -method=cert name=admin", 403, /has no client certificate or not this role/);
    const body = { name: "ci", role: "team", ttl: 3_600 };
    const { token } = (await keyring.expect(201, "POST", "/api/v1/tokens", { body })).body;
    await data(vault, "login -", token);
    deepEqual((await data(vault, "token lookup")).data.policies, ["team"]);
    await data(vault, `kv put ${john} password=one`);
    await data(vault, "token revoke -self");
    await refused(vault, `kv get ${john}`, 403, /permission denied/);
    equal((await data(vault, "status")).sealed, false);
  });
});

Deno.test("commands of Vault that the keyring does not have are refused with the way to go", async () => {
  await withVault("team", async (vault) => {
    await refused(vault, "token create", 405, /skip_child_token/);
    await refused(vault, "token lookup another", 405, /token of the request/);
    await refused(vault, "token revoke another", 405, /clectl token revoke/);
    await refused(vault, "token capabilities secret/data/db", 405, /clectl can/);
    await refused(vault, "secrets list", 405, /only mount/);
    await refused(vault, "kv enable-versioning secret/", 405, /only mount/);
    await refused(vault, "write auth/approle/login role_id=a", 405, /kubernetes, jwt or cert/);
    await refused(vault, `kv get -wrap-ttl=60s ${john}`, 400, /wrapping is not supported/i);
    await refused(vault, `kv get -namespace=team ${john}`, 400, /Namespaces are not supported/);
  });
});

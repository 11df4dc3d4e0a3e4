/**
 * `clectl` against the API of a whole keyring, over a Unix socket and over TLS.
 *
 * @module
 */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ClectlStage, well } from "../support/clectl_stage.ts";

const value = "mysuprP@ssw0rd";

Deno.test("clectl creates, generates, reads, lists, updates and compares versions", async () => {
  await using stage = await ClectlStage.open();
  well(await stage.admin("health --wait 10s"));
  well(await stage.admin("create db/prod/john --field password --stdin", { stdin: value }));
  const made = well(await stage.admin("generate db/prod/app --field password --length 32 -o json"));
  deepEqual(Object.keys(JSON.parse(made.out)).sort(), ["fingerprint", "path", "version"]);
  match(made.err, /\d bits of entropy/);
  equal(well(await stage.admin("get db/prod/john --field password -o raw --show")).out, value);
  equal(well(await stage.admin("get db/prod/app --field password -o raw")).out.length, 32);
  const listed = well(await stage.admin("list db/ -o json"));
  deepEqual(JSON.parse(listed.out).map(({ path }: { path: string }) => path), ["db/prod/"]);
  const wrong = await stage.admin("update db/prod/john --field password --stdin --cas 7", { stdin: "y" });
  equal(wrong.status, 1);
  match(wrong.err, /version 1/);
  well(await stage.admin("update db/prod/john --field password --stdin --cas 1", { stdin: "y" }));
  equal((await stage.admin("create db/prod/john --field a --stdin", { stdin: "y" })).status, 1);
  const diff = await stage.admin("diff db/prod/john --from 1 --to 2");
  deepEqual([diff.status, /password +changed/.test(diff.out)], [1, true]);
  const history = JSON.parse(well(await stage.admin("history db/prod/john -o json")).out);
  deepEqual(history.versions.map(({ version }: { version: number }) => version).toSorted(), [1, 2]);
  well(await stage.admin("generate db/prod/app --field password --cas 1"));
  equal((await stage.admin("generate db/prod/app --field password")).status, 1);
});

Deno.test("clectl patches, deletes, undeletes, destroys and moves", async () => {
  await using stage = await ClectlStage.open();
  well(await stage.admin("create a/b --fields --stdin --labels team=db", { stdin: '{"user":"u","n":[1.50]}' }));
  well(
    await stage.admin("patch a/b -f user --stdin --labels x=y --remove-labels team --expires 90d --keep 5", {
      stdin: "v",
    }),
  );
  const read = JSON.parse(well(await stage.admin("get a/b -o json")).out);
  deepEqual([read.labels, read.fields.user.value], [{ x: "y" }, "v"]);
  equal(well(await stage.admin("get a/b -f n")).out, "[1.50]");
  match(well(await stage.admin("get a/b -o json")).out, /"value":\[1\.50\]/);
  match(well(await stage.admin("get a/b -o yaml")).out, /value:\n +- 1\.5\n/);
  const exported = await stage.file("exact.json", well(await stage.admin("export a")).out);
  match(well(await stage.admin(`import ${exported} --below copy`)).out, /^1 secret imported\.$/m);
  equal(well(await stage.admin("get copy/a/b -f n")).out, "[1.50]");
  match((await stage.admin("get a/b -f usr")).err, /no field "usr" in version 2\. Did you mean "user"\?/);
  well(await stage.admin("patch a/b --remove-field n --expires never"));
  well(await stage.admin("delete a/b"));
  equal((await stage.admin("get a/b -o json")).status, 1);
  well(await stage.admin("undelete a/b"));
  well(await stage.admin("destroy a/b --versions 1 --yes"));
  equal((await stage.admin("get a/b --at 1 -o json")).status, 1);
  well(await stage.admin("move a/b c/d"));
  equal((await stage.admin("history a/b")).status, 1);
  equal(well(await stage.admin("get c/d -f user")).out, "v");
});

Deno.test("clectl keeps every kind of value byte for byte", async () => {
  await using stage = await ClectlStage.open();
  const bytes = new Uint8Array(randomBytes(100_000));
  await Deno.writeFile(`${stage.folder}/blob`, bytes);
  well(await stage.admin(`create blob -f b --kind bytes --file ${stage.folder}/blob`));
  well(await stage.admin(`export -o json --to ${stage.folder}/all.json`));
  const [item] = JSON.parse(await Deno.readTextFile(`${stage.folder}/all.json`));
  deepEqual(Uint8Array.from(atob(item.fields.b.value), (one) => one.charCodeAt(0)), bytes);
  const big = "ü".repeat(500_000);
  well(await stage.admin("create text -f t --stdin", { stdin: big }));
  equal(well(await stage.admin("get text -f t")).out, big);
  const large = await stage.admin("create large -f t --stdin", { stdin: "x".repeat(1_048_576) });
  equal(large.status, 64, large.err);
});

Deno.test("clectl imports all rows or none, and reads back what export printed", async () => {
  await using stage = await ClectlStage.open();
  const rows = Array.from({ length: 600 }, (_, at) => `team/s${at},secret ${at},db`).join("\n");
  const file = await stage.file("s.csv", `path,password,label:team\n${rows}\n`);
  const dry = well(await stage.admin(`import ${file} --dry-run`));
  match(dry.out, /600 secrets would be imported\.\n$/);
  equal(well(await stage.admin("list -o json")).out, "[]\n");
  well(await stage.admin(`import ${file}`));
  equal(well(await stage.admin("get team/s599 -f password")).out, "secret 599");
  const again = await stage.admin(`import ${file}`);
  equal(again.status, 1);
  match(again.err, /s\.csv: line 2: /);
  well(await stage.admin(`export team --to ${stage.folder}/team.json`));
  well(await stage.admin(`import ${stage.folder}/team.json --below copy`));
  equal(well(await stage.admin("get copy/team/s0 -f password")).out, "secret 0");
  equal(JSON.parse(well(await stage.admin("list -r -o json")).out).length, 1200);
});

Deno.test("clectl watches changes and renders again", async () => {
  await using stage = await ClectlStage.open();
  well(await stage.admin("create db/john -f password --stdin", { stdin: "one" }));
  const template = await stage.file("t.tmpl", "p={{ db/john#password | json }}\n");
  const target = `${stage.folder}/t`;
  const stop = new AbortController();
  const rendering = stage.admin(`render ${template} --to ${target} --watch`, { signal: stop.signal });
  const [line, document] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const [onLine, onDocument] = [line, document].map(({ resolve }) => (out: string) => {
    if (/update.*\n$/s.test(out)) resolve();
  });
  const watching = stage.admin("watch db/ -o json", { signal: stop.signal, onOutput: onLine });
  const documents = stage.admin("watch db/ -o yaml", { signal: stop.signal, onOutput: onDocument });
  const content = async (text: string) => {
    for (let left = 250; await Deno.readTextFile(target).catch(() => "") !== text; left--) {
      equal(left > 0, true, `${target} never was ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await content('p="one"\n');
  well(await stage.admin("update db/john -f password --stdin", { stdin: "two" }));
  await content('p="two"\n');
  await Promise.all([line.promise, document.promise]);
  stop.abort();
  well(await rendering);
  const changes = well(await watching).out.trim().split("\n").map((line) => JSON.parse(line));
  match(well(await documents).out, /^---\npath: db\/john\nversion: 2\naction: update\n$/);
  deepEqual(changes.map(({ path, action }) => [path, action]), [["db/john", "update"]]);
  doesNotMatch(JSON.stringify(changes), /two/);
});

Deno.test("a person enrols over TLS, has the rights of the policy alone, and is revoked", async () => {
  await using stage = await ClectlStage.open();
  const policy = await stage.file(
    "policy.yaml",
    "roles:\n  dev:\n    take: [{ person: anna }]\n    rules: [{ path: db/, verbs: [read, list, write] }]\n",
  );
  well(await stage.admin(`policy set ${policy}`));
  well(await stage.admin("create db/john -f password --stdin", { stdin: value }));
  well(await stage.admin("create other -f password --stdin", { stdin: value }));
  const code = well(await stage.admin("enrol anna --roles dev")).out.trim();
  const login = `login ${stage.url} --fingerprint ${stage.fingerprint}`;
  const wrong = await stage.person(login, { stdin: "AAAA-BBBB" });
  equal([64, 77].includes(wrong.status), true, wrong.err);
  well(await stage.person(login, { stdin: `${code}\n` }));
  const who = JSON.parse(well(await stage.person("whoami -o json")).out);
  deepEqual([who.kind, who.roles], ["person", ["dev"]]);
  equal(well(await stage.person("get db/john -f password")).out, value);
  equal((await stage.person("get other -f password")).status, 77);
  equal((await stage.person("can read db/john")).status, 0);
  equal((await stage.person("can read other")).status, 1);
  equal((await stage.person("can read /")).status, 1);
  equal((await stage.person("can list /")).status, 0);
  equal(well(await stage.admin("can read /")).out, "yes\n");
  equal(well(await stage.admin("list /")).out, well(await stage.admin("list")).out);
  equal((await stage.person("identity list")).status, 77);
  equal((await stage.person(login, { stdin: code })).status, 77);
  const people = JSON.parse(well(await stage.admin("identity list -o json")).out);
  const { id } = people.find(({ name }: { name: string }) => name === "anna");
  well(await stage.admin(`identity revoke ${id}`));
  const revoked = await stage.person("get db/john -f password");
  deepEqual([revoked.status, revoked.out], [77, ""]);
});

Deno.test("a machine uses a token from a file until it is revoked", async () => {
  await using stage = await ClectlStage.open();
  const policy = await stage.file("p.yaml", "roles:\n  job:\n    rules: [{ path: job, verbs: [read, generate] }]\n");
  well(await stage.admin(`policy set ${policy}`));
  const made = JSON.parse(well(await stage.admin("token create nightly --role job --ttl 1h -o json")).out);
  const token = await stage.file("token", `${made.token}\n`);
  await Deno.chmod(token, 0o600);
  const ca = await stage.file("ca.pem", stage.chain);
  well(await stage.person(`context set job --address ${stage.url} --ca ${ca} --token-file ${token}`));
  well(await stage.person("generate job/key --context job -f key --type bytes"));
  well(await stage.person("get job/key --context job -o json"));
  const tokens = JSON.parse(well(await stage.admin("token list -o json")).out);
  deepEqual(tokens.map(({ role }: { role: string }) => role), ["job"]);
  well(await stage.admin(`token revoke ${made.id}`));
  equal((await stage.person("get job/key --context job -o json")).status, 77);
});

Deno.test("clectl verifies the audit, fetches a backup, and says why the server cannot answer", async () => {
  await using stage = await ClectlStage.open();
  well(await stage.admin("create a -f b --stdin", { stdin: value }));
  const key = await stage.file("audit.pem", well(await stage.admin("audit key")).out);
  well(await stage.admin("audit head"));
  const verified = await stage.admin(`audit verify ${stage.keyring.auditPath} --key ${key} -o json`);
  match(verified.out, /"lines":\d/);
  equal(well(await stage.admin("backup")).out, "backup");
  doesNotMatch(await Deno.readTextFile(stage.keyring.auditPath), /mysupr/);
  stage.keyring.health = [{ name: "store", state: "failed", reason: "The store is locked." }];
  const failed = await stage.admin("health");
  equal(failed.status, 69);
  match(failed.out, /store +failed +The store is locked\./);
});

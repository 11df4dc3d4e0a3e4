/**
 * The commands of `docs/keyring/backup.md` on the staged programs: every KMS is lost, and backup and recovery key are left.
 *
 * @module
 */
import { equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { readPage } from "../docs/markdown.ts";
import { environmentOf, inRunFolder, ShellSession } from "../support/shell_session.ts";

const root = new URL("../..", import.meta.url).pathname;

/** The first block of commands of a section of the page. */
async function blockOf(section: string): Promise<string> {
  const text = await Deno.readTextFile(join(root, "docs/keyring/backup.md"));
  const [part = ""] = new RegExp(`^## ${section}\n[^]*?(?=^## |$(?![^]))`, "m").exec(text) ?? [];
  const [block] = readPage("backup.md", part).blocks.filter(({ language }) => language === "sh");
  ok(block !== undefined, section);
  return block.text;
}

const configuration = `cat > keyring.yaml <<END
keyring: { store: FOLDER/store, adminSocket: FOLDER/admin/admin.sock, listen: none }
providers:
  - { name: local, kind: local, keyFile: FOLDER/local.keys, create: true }
  - { name: safe, kind: recovery, recipients: [{ file: FOLDER/recovery.pub }] }
END`;

const serve = "trousseau keyring serve --config keyring.yaml 2> server.log &\nclectl health --wait 60s --quiet";

Deno.test("a lost KMS and a lost disk: backup and recovery key bring every secret back, and no identity", () =>
  inRunFolder(async (folder) => {
    await using shell = new ShellSession({ cwd: root, env: environmentOf(folder, "home") });
    const done = (text: string) =>
      shell.ok(
        text.replaceAll("FOLDER", folder).replaceAll("/etc/trousseau/", `${folder}/`)
          .replaceAll("/run/trousseaud/", `${folder}/`),
      );
    await done("deno task stage FOLDER/bin && cd FOLDER && umask 077");
    await done("export CLECTL_ADDRESS=unix://FOLDER/admin/admin.sock");
    await done("trousseau recovery new --plain > safe && trousseau recovery public < safe > recovery.pub");
    await done(configuration);
    await done(serve);
    await done("clectl generate db/prod/app --field password --quiet");
    const value = await done("clectl get db/prod/app --field password --output raw");
    await done("printf 'roles: { backup: { rules: [{ path: /, verbs: [admin] }] } }' > policy.yaml");
    await done("clectl policy set policy.yaml --quiet");
    await done("clectl token create job --role backup --ttl 1h > token 2> /dev/null");
    match(await done(await blockOf("Take a backup")), /^The backup is whole: \d+ rows/m);
    await done("clectl generate db/prod/later --field password --quiet");
    await done("kill %1; wait");

    await done("rm -r store local.keys");
    const refused = await shell.run("trousseau keyring restore keyring.backup --config keyring.yaml");
    equal(refused.status, 69, refused.output);
    match(refused.output, /No KMS can open the store/);
    await done("rm -r store && cp safe recovery.key");
    const restored = await done(await blockOf("Every KMS is lost"));
    match(restored, /^The backup is restored: \d+ rows of store [0-9a-f]{32}, as of 2\d{3}-[0-9T:.-]+Z\.$/m);
    match(restored, /^Every write and deletion after that time is undone\.$/m);
    match(restored, /^All tokens, codes and certificates of before are refused/m);
    match(restored, /^1 secrets with 1 values were opened; all is sound\.$/m);
    equal(await Deno.stat(join(folder, "recovery.key")).catch(() => undefined), undefined);

    await done(serve);
    equal(await done("clectl get db/prod/app --field password --output raw"), value);
    equal((await shell.run("clectl get db/prod/later")).status, 1, "a later write is undone");
    match(await done("clectl token list"), /token:job +backup +expired/);
    const again = await shell.run(`trousseau keyring restore keyring.backup --config keyring.yaml`);
    equal(again.status, 69, again.output);
    await done("kill %1; wait");
    match(await done(await blockOf("Check a store")), /all is sound\.$/m);
    const there = await shell.run(`trousseau keyring restore keyring.backup --config keyring.yaml`);
    match(there.output, /there is one; move it away first/);
  }));

/**
 * `docs/keyring/start.md`, word for word, on the staged programs: only the folder, the ports, the fingerprint and the code
 * are those of the test.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { readPage } from "../docs/markdown.ts";
import { freePort, waitFor } from "../support/processes.ts";
import { environmentOf, inRunFolder, ShellSession } from "../support/shell_session.ts";

const root = new URL("../..", import.meta.url).pathname;
const page = "docs/keyring/start.md";

/** A command of a `console` block, with the lines that the page shows below it. */
interface Shown {
  readonly command: string;
  readonly output: string;
}

function shownIn(text: string): readonly Shown[] {
  return text.split(/^\$ /m).slice(1).map((part) => {
    const [command = "", ...lines] = part.split("\n");
    return { command, output: lines.filter((line) => line !== "Enrolment code:").join("\n") };
  });
}

/** The text with every value that differs in each run replaced by its kind. */
function comparable(text: string): string {
  return text.replaceAll(/\b[0-9a-f]{64}\b/g, "SHA256").replaceAll(/\b[0-9a-f]{16}\b/g, "FINGERPRINT")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "TIME")
    .replaceAll(/\b[0-9A-Z]{4}(-[0-9A-Z]{4}){6}\b/g, "CODE").trimEnd();
}

Deno.test(`${page} is true word for word`, () =>
  inRunFolder(async (folder) => {
    const places: readonly (readonly [page: string, test: string])[] = [
      ["/run/keyring", folder],
      ["8300", String(freePort())],
      ["8301", String(freePort())],
    ];
    const placed = (text: string) => places.reduce((all, [from, to]) => all.replaceAll(from, to), text);
    const unplaced = (text: string) => places.reduce((all, [from, to]) => all.replaceAll(to, from), text);
    await using admin = new ShellSession({ cwd: root, env: environmentOf(folder, "admin-home") });
    await using anna = new ShellSession({ cwd: folder, env: environmentOf(folder, "anna-home") });
    const code = join(folder, "code-on-a-slip-of-paper");
    let fingerprint = "";
    let compared = 0;
    const { blocks } = readPage(page, await Deno.readTextFile(join(root, page)));
    for (const { language, info, text, place } of blocks) {
      if (language === "sh") {
        await admin.ok(placed(text));
        continue;
      }
      equal(language, "console", place);
      for (const { command, output } of shownIn(text)) {
        const own = placed(command).replace(/\b[0-9a-f]{64}\b/, fingerprint);
        const typed = () =>
          info === "anna" ? anna.run(own, command.startsWith("clectl login") ? code : undefined) : admin.run(own);
        let done = await typed();
        const isShown = () => comparable(unplaced(done.output)) === comparable(output);
        // The TLS port opens a moment after the store, and both look at it.
        if (/^(clectl health|grep -o)/.test(command)) {
          await waitFor(command, async () => isShown() || (done = await typed(), isShown()), { timeoutMs: 30_000 });
        }
        ok(isShown(), `${place}: ${command}\n${done.output}`);
        equal(done.status, output.includes("Not permitted") ? 77 : 0, `${place}: ${command}`);
        if (command.startsWith("clectl enrol")) await Deno.writeTextFile(code, done.output.split("\n")[0] ?? "");
        fingerprint = /fingerprint ([0-9a-f]{64})/.exec(done.output)?.[1] ?? fingerprint;
        compared++;
      }
    }
    ok(compared >= 14, "the page has its commands");
    await admin.ok("wait");
    match(await Deno.readTextFile(join(folder, "server.log")), /action=stopped/);
  }));

Deno.test("the five minutes of README.md are true", () =>
  inRunFolder(async (folder) => {
    const placed = (text: string) => text.replaceAll("/run/keyring", folder);
    const text = await Deno.readTextFile(join(root, "README.md"));
    const [section = ""] = /^## Five minutes to a secret that nobody has seen\n[^]*?(?=^## )/m.exec(text) ?? [];
    const { blocks: [block, ...others] } = readPage("README.md", section);
    equal(others.length, 0);
    await using shell = new ShellSession({ cwd: root, env: environmentOf(folder, "home") });
    const output = await shell.ok(placed(block?.text ?? ""));
    match(output, /^kms:safe +ok$/m);
    match(output, /^db\/prod\/app: version 1 generated, fingerprint [0-9a-f]{16}$/m);
    await shell.ok("kill %1; wait");
  }));

/** The forms in which a value may be written: as it is, base64, base64url, hexadecimal. */
function formsOf(value: string): readonly string[] {
  const bytes = new TextEncoder().encode(value);
  const base64 = btoa(value).replace(/=+$/, "");
  return [value, base64, base64.replaceAll("+", "-").replaceAll("/", "_"), bytes.toHex(), bytes.toHex().toUpperCase()];
}

/** The names of the files in which a value is found in any of its forms. */
function filesWith(value: string, files: ReadonlyMap<string, Uint8Array>): readonly string[] {
  const found = (bytes: Uint8Array) => {
    const text = new TextDecoder("latin1").decode(bytes);
    return formsOf(value).some((form) => text.includes(form));
  };
  return [...files].filter(([, bytes]) => found(bytes)).map(([name]) => name);
}

function filesBelow(folder: string): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { name, isFile, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isFile) files.set(path, Deno.readFileSync(path));
    if (isDirectory) { for (const [inner, bytes] of filesBelow(path)) files.set(inner, bytes); }
  }
  return files;
}

Deno.test("a value is in no file of the server before it is read, and the usual mistakes end as they should", () =>
  inRunFolder(async (folder) => {
    await using shell = new ShellSession({ cwd: root, env: environmentOf(folder, "home") });
    const placed = (text: string) => text.replaceAll("/run/k/", `${folder}/`);
    const typed = (text: string) => shell.run(placed(text));
    const done = async (text: string) => await shell.ok(placed(text));
    await done("deno task stage /run/k/bin && export PATH=/run/k/bin:$PATH");
    await done(`cat > /run/k/k.yaml <<E
keyring: {store: /run/k/store, adminSocket: /run/k/admin/admin.sock, audit: /run/k/audit.jsonl, listen: none, metrics: off}
providers: [{name: local, kind: local, keyFile: /run/k/local.keys, create: true}]
E`);
    await done("trousseau keyring serve --config /run/k/k.yaml > /run/k/server.log 2>&1 &");
    await done("export CLECTL_ADDRESS=unix:///run/k/admin/admin.sock");
    match(await done("clectl health --wait 60s"), /^store +ok$/m);
    await done("printf %s 'mysuprP@ssw0rd' | clectl create db/prod/john --field password --stdin");
    const made = await done("clectl generate db/prod/app --field password --length 32 -o json 2> /run/k/notes");
    deepEqual(Object.keys(JSON.parse(made)).toSorted(), ["fingerprint", "path", "version"]);

    const secretsBefore = filesBelow(join(folder, "store"));
    const before = new Map(
      [...secretsBefore, ...filesBelow(folder)].filter(([path]) =>
        ["store/", "server.log", "audit.jsonl", "notes"].some((part) => path.startsWith(join(folder, part)))
      ),
    );
    for (const part of ["keyring.db", "keyring.db-wal", "server.log", "audit.jsonl"]) {
      ok([...before.keys()].some((path) => path.endsWith(part)), `${part} is searched`);
    }
    const john = await done("clectl get db/prod/john --field password -o raw --show | tee /run/k/read-john");
    equal(john, "mysuprP@ssw0rd");
    const app = await done("clectl get db/prod/app --field password -o raw --show | tee /run/k/read-app");
    match(app, /^[\x21-\x7e]{32}$/);
    for (const value of [john, app]) {
      deepEqual(filesWith(value, before), [], "no file of the server had it");
      equal(filesWith(value, filesBelow(folder)).length, 1, "the same search finds it once it was read");
    }
    deepEqual(filesWith("db/prod", secretsBefore), [], "the store shows no path");

    deepEqual(JSON.parse(await done("clectl list db/ -o json")).map(({ path }: { path: string }) => path), [
      "db/prod/",
    ]);
    const argument = await typed("clectl create db/x --field password --value foo");
    equal(argument.status, 64);
    match(argument.output, /--stdin/);
    const stale = await typed("printf y | clectl update db/prod/john --field password --stdin --cas 7");
    equal(stale.status, 1);
    match(stale.output, /has version 1, not 7/);
    const searched = await done(
      "grep -rlaE 'mysuprP@ssw0rd|bXlzdXByUEBzc3cwcmQ|db/prod' /run/k/store | wc -l",
    );
    equal(searched.trim(), "0");
    const kv = await done("curl -s --unix-socket /run/k/admin/admin.sock http://x/v1/secret/data/db/prod/john");
    equal(JSON.parse(kv).data.data.password, "mysuprP@ssw0rd");
    const wrong = await typed("clectl login https://localhost:1 --fingerprint 00");
    notEqual(wrong.status, 0);
    await done("kill %1; wait");
  }));

/**
 * The logrotate file matches the program: the paths that it can write, its user, and the files that it opens again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openAudit } from "../../lib/telemetry/audit.ts";
import type { AuditEvent } from "../../lib/telemetry/events.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { waitFor } from "../../tests/support/processes.ts";
import { trousseau } from "../compile/artefacts.ts";

const read = (path: string) => Deno.readTextFile(new URL(path, import.meta.url));

/** The paths before the braces, and the directives between them with their values. */
function parsed(text: string): { readonly paths: readonly string[]; readonly directives: ReadonlyMap<string, string> } {
  const bare = text.split("\n").filter((line) => !/^\s*#/.test(line)).join("\n");
  const [, paths = "", body = ""] = /^\s*([^{]+)\{([^}]*)\}\s*$/.exec(bare) ?? [];
  const lines = body.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return {
    paths: paths.trim().split(/\s+/),
    directives: new Map(lines.map((line) => [line.split(" ")[0] ?? "", line.split(" ").slice(1).join(" ")])),
  };
}

const { paths, directives } = parsed(await read("trousseau"));

Deno.test("deploy/logrotate/trousseau rotates files that the program may write, as the user that owns them", async () => {
  assert.ok(paths.length > 0);
  for (const path of paths) {
    assert.ok(trousseau.permissions.write.some((folder) => path.startsWith(`${folder}/`)), `${path} cannot be written`);
  }
  const [, user, home] = /^u (\w+) - "[^"]*" (\S+)$/m.exec(await read("../systemd/trousseau.sysusers.conf")) ?? [];
  assert.equal(directives.get("su"), `${user} ${user}`);
  for (const path of paths) assert.equal(path.slice(0, path.lastIndexOf("/")), home);
});

Deno.test("deploy/logrotate/trousseau is one that logrotate takes: others may not write it", async () => {
  assert.equal(((await Deno.stat(new URL("trousseau", import.meta.url))).mode ?? 0) & 0o022, 0);
});

Deno.test("deploy/logrotate/trousseau leaves the new file to the program, which makes it with mode 0600 and loses no line", () =>
  inFolder(async (folder) => {
    for (const directive of ["nocreate", "delaycompress", "missingok"]) assert.ok(directives.has(directive), directive);
    for (const directive of ["create", "copytruncate", "postrotate"]) assert.ok(!directives.has(directive), directive);
    const path = `${folder}/audit.log`;
    const audit = await openAudit({ to: path, now: () => 0, onReport: () => {} });
    const lines = (file: string) => Deno.readTextFileSync(file).split("\n").length - 1;
    audit.record(decrypt, 0);
    await waitFor("the first line", () => lines(path) === 1, { timeoutMs: 5000, everyMs: 5 });
    // A rotation by these directives is this rename and nothing else.
    Deno.renameSync(path, `${path}-1`);
    audit.record(decrypt, 0);
    await audit[Symbol.asyncDispose]();
    assert.deepEqual([lines(`${path}-1`), lines(path), audit.lost], [1, 1, 0]);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  }));

const decrypt: AuditEvent = {
  type: "rpc",
  api: "v2",
  operation: "decrypt",
  result: "ok",
  seconds: 0.001,
  uid: "u",
  keyId: "t1-0",
  providers: [],
};

import { equal, match, ok } from "node:assert/strict";
import { assertVerified, auditKeys, auditLinesIn } from "../../../../tests/support/audit_files.ts";
import { fullDisk } from "../../../../tests/support/full_disk.ts";
import { serviceUser } from "../../../../tests/support/other_user.ts";
import { Process, type ProcessOptions, run, waitFor } from "../../../../tests/support/processes.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { systemFailures } from "../../../base/system_failures.ts";

const child = new URL("../../../../tests/support/audit_child.ts", import.meta.url).pathname;
const key = auditKeys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** A process that records 8 lines every `pauseMs`. */
function recorder(path: string, pauseMs: number): ProcessOptions {
  return {
    name: "recorder",
    command: Deno.execPath(),
    args: ["run", "-A", "--no-config", "--no-check", child, path, "refuse", `${pauseMs}`],
    env: { AUDIT_KEY: key, DENO_NO_UPDATE_CHECK: "1" },
  };
}

const answered = (output: string) => [...output.matchAll(/^ok (\d+)$/gm)].map(([, id]) => id ?? "");

async function waitForOutput(recorder: Process, what: RegExp): Promise<void> {
  await waitFor(`${what}`, () => what.test(recorder.output), { timeoutMs: 20_000, everyMs: 5, alive: [recorder] });
}

Deno.test("AuditChain has every line that was answered, and verifies, after SIGKILL in the middle of writes", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      const process = new Process(recorder(path, 0));
      await waitForOutput(process, /(^ok \d+\n){100}/m);
      await process.kill();
      ids.push(...answered(process.output));
    }
    ok(ids.length >= 500);
    const written = new Set(auditLinesIn(path).map(({ requestId }) => requestId));
    for (const id of ids) ok(written.has(id), id);
    await assertVerified([path]);
  });
});

Deno.test("AuditChain loses no answered line when its file is renamed under load, as logrotate does", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    const files = [1, 2, 3].map((number) => `${folder}/audit.log.${number}`);
    const process = new Process(recorder(path, 1));
    await waitForOutput(process, /^ok/m);
    for (const [index, file] of files.entries()) {
      await Deno.rename(path, file);
      process.signal("SIGHUP");
      await waitForOutput(process, new RegExp(`(reopened\\n[^]*){${index + 1}}ok`));
    }
    await process.kill();
    const all = [...files, path];
    const written = new Set(all.flatMap(auditLinesIn).map(({ requestId }) => requestId));
    for (const id of answered(process.output)) ok(written.has(id), id);
    await assertVerified(all);
  });
});

Deno.test("AuditChain refuses on a full disk, goes on once there is room, and verifies", async () => {
  await inFolder(async (folder) => {
    await using disk = await fullDisk(folder);
    const path = `${folder}/audit.log`;
    const process = disk.start(recorder(path, 20));
    await waitForOutput(process, /^ok/m);
    await disk.fill();
    await waitForOutput(process, /^failed /m);
    await waitForOutput(process, new RegExp(`^refused Cannot write the audit to ".*": ${disk.why}`, "m"));
    const isMounted = disk.why === systemFailures.ENOSPC;
    if (isMounted) {
      match(process.output, /the disk is full; make room there\.$/m);
      await Deno.remove(`${folder}/filler`);
      await waitForOutput(process, /^recovered .*\n[^]*^ok/m);
    }
    await process.kill();
    const written = new Set(auditLinesIn(path).map(({ requestId }) => requestId));
    for (const id of answered(process.output)) ok(written.has(id), id);
    await assertVerified([path]);
    if (isMounted) {
      equal((await run("mount", ["-o", "remount,ro", folder])).code, 0);
      const { stdout } = await run(Deno.execPath(), recorder(path, 20).args, { env: { AUDIT_KEY: key } });
      match(stdout, /the file system is mounted read-only; mount it to be written/);
    }
  });
});

Deno.test("AuditChain refuses a folder that its user must not write, and names the owner", async () => {
  await inFolder(async (folder) => {
    const bundle = `${folder}/child.js`;
    equal((await run(Deno.execPath(), ["bundle", "--no-config", "--quiet", "-o", bundle, child])).code, 0);
    await Deno.chmod(folder, 0o755);
    await Deno.chmod(bundle, 0o644);
    const user = [`--reuid=${serviceUser}`, `--regid=${serviceUser}`, "--clear-groups", "--bounding-set=-all"];
    const words = [Deno.execPath(), "run", "-A", "--no-config", bundle, `${folder}/audit.log`, "refuse", "0"];
    const { stdout, stderr } = await run("setpriv", [...user, ...words], {
      env: { AUDIT_KEY: key, DENO_DIR: `/tmp/none-${serviceUser}`, DENO_NO_UPDATE_CHECK: "1" },
      cwd: "/",
    });
    match(stdout, /^refused Cannot write the audit to ".*": permission denied; .*owned by/, stderr);
  });
});

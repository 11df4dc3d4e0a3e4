/**
 * The logrotate file of the keyring's audit: what logrotate does by it loses no line and keeps the chain.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { AuditChain } from "../../lib/services/keyring/audit/audit_chain.ts";
import { rotatedTail } from "../../lib/services/keyring/audit/chain_tail.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { assertVerified, auditKeys } from "../../tests/support/audit_files.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

const file = new URL("trousseaud", import.meta.url);
const lines = (await Deno.readTextFile(file)).split("\n").map((line) => line.trim());

Deno.test("deploy/logrotate/trousseaud renames the file, signals the server and leaves the new file to it", async () => {
  for (const line of ["nocreate", "delaycompress", "missingok", "postrotate"]) ok(lines.includes(line), line);
  for (const word of ["create", "copytruncate"]) ok(!lines.some((line) => line.startsWith(word)), word);
  match(lines.find((line) => line.startsWith("systemctl")) ?? "", /--signal=HUP trousseaud\.service$/);
  equal(((await Deno.stat(file)).mode ?? 0) & 0o022, 0);
});

Deno.test("deploy/logrotate/trousseaud gives names from which a server that is started again continues its chain", () =>
  inFolder(async (folder) => {
    const path = `${folder}/audit.jsonl`;
    const options = {
      path,
      serverId: "s1",
      signingKey: auditKeys.privateKey,
      clock: systemClock,
      onFailure: "refuse",
    } as const;
    const entry = { requestId: "r", identity: "person:anna", action: "read", result: "ok" } as const;
    const format = lines.find((line) => line.startsWith("dateformat"))?.split(" ")[1] ?? "";
    const date: Readonly<Record<string, string>> = { "%Y": "2030", "%m": "12", "%d": "31", "%s": "1924905600" };
    const rotated = `${path}${format.replaceAll(/%./g, (one) => date[one] ?? "?")}`;
    {
      await using chain = await AuditChain.open(options);
      await chain.record(entry);
      await Deno.rename(path, rotated);
      await chain.record(entry);
      await chain.reopen();
      await chain.record(entry);
    }
    await assertVerified([rotated, path]);
    equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    await Deno.remove(path);
    const { position } = await rotatedTail(path) ?? {};
    equal(position?.seq, 5);
    deepEqual(await rotatedTail(`${folder}/other`), undefined);
  }));

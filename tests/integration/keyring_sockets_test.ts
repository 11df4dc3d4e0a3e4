/**
 * A socket with an identity of its own: who may connect to it has its role, and is one identity in the audit.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { run } from "../support/processes.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { inFolder } from "../support/temporary_folder.ts";

const policy = "roles: {backup: {take: [{socket: backup}], rules: [{path: db/, verbs: [read]}]}}";

Deno.test("two users of one socket are one identity, with the rights of its role alone, and others cannot connect", () =>
  inFolder(async (folder) => {
    await Deno.chmod(folder, 0o755);
    const machine = new KeyringMachine(folder);
    const [group, socket, audit] = [61_234, `${folder}/clients/backup/keyring.sock`, `${folder}/audit.jsonl`];
    await Deno.mkdir(`${folder}/clients/backup`, { recursive: true, mode: 0o755 });
    await Deno.chown(`${folder}/clients/backup`, 0, group);
    await Deno.chmod(`${folder}/clients/backup`, 0o750);
    await machine.configure("local", {
      store: machine.storeFolder,
      audit,
      sockets: [{ name: "backup", path: socket, group }],
    });
    await using server = machine.serve();
    await machine.ready(server);
    await Deno.writeTextFile(`${folder}/policy.yaml`, policy);
    equal((await machine.clectl(`policy set ${folder}/policy.yaml`)).status, 0);
    await machine.fill(new Map([["db/john", "x"], ["other", "y"]]));
    const { mode = 0, gid } = await Deno.lstat(socket);
    deepEqual([(mode ?? 0) & 0o777, gid], [0o660, group]);

    const asked = async (uid: number, gid: number, path: string) => {
      const words = [
        `--reuid=${uid}`,
        `--regid=${gid}`,
        "--clear-groups",
        "curl",
        "-s",
        "-o",
        "-",
        "-w",
        "\n%{http_code}",
      ];
      const { stdout } = await run("setpriv", [...words, "--unix-socket", socket, `http://x/api/v1/${path}`]);
      return stdout;
    };
    for (const uid of [61_001, 61_002]) {
      match(await asked(uid, group, "whoami"), /"name":"socket:backup"[^]*\n200$/);
      match(await asked(uid, group, "secrets/db/john"), /"value":"x"[^]*\n200$/);
      match(await asked(uid, group, "secrets/other"), /forbidden[^]*\n403$/);
      match(await asked(uid, group, "policy"), /\n403$/);
      equal(await asked(uid, uid, "whoami"), "\n000", "a user of another group");
    }
    const lines = (await Deno.readTextFile(audit)).trimEnd().split("\n").map((line) => JSON.parse(line));
    const own = lines.filter(({ identity }) => identity === "socket:backup");
    deepEqual(own.map(({ result }) => result), Array(2).fill(["ok", "ok", "forbidden", "forbidden"]).flat());
  }));

import assert from "node:assert/strict";
import { parse } from "../../lib/cli/arguments.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import type { Program } from "../../lib/cli/command.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { runtimeVariables } from "../../lib/config/runtime_variables.ts";

import { tryLockSocket } from "../../lib/net/socket/socket_lock.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

/** Every value of every key, in the order of the file; an empty assignment is kept. */
function readUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))) {
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    if (heading !== undefined) {
      section = heading;
      continue;
    }
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    assert.ok(key !== undefined && value !== undefined && section !== "", `not a line of a unit: ${line}`);
    values.set(`${section}.${key}`, [...values.get(`${section}.${key}`) ?? [], value]);
  }
  return values;
}

const unitOf = async (name: string) => readUnit(await Deno.readTextFile(new URL(name, import.meta.url)));
const unit = await unitOf("trousseau.service");

Deno.test("trousseau.service is up before kubelet and waits for its own socket", () => {
  assert.deepEqual(unit.get("Unit.Before"), ["kubelet.service"]);
  assert.deepEqual(unit.get("Service.Type"), ["exec"]);
  const [start = "", post = ""] = [unit.get("Service.ExecStart")?.[0], unit.get("Service.ExecStartPost")?.[0]];
  assert.match(start, /^\/usr\/local\/bin\/trousseau serve --config \/etc\/trousseau\/trousseau\.yaml$/);
  assert.match(post, /^-\/usr\/local\/bin\/trousseau probe --wait --quiet --timeout 30s /);
});

Deno.test("trousseau.service comes back within a second, for ever", () => {
  assert.deepEqual(unit.get("Service.Restart"), ["always"]);
  assert.deepEqual(unit.get("Service.RestartSec"), ["1s"]);
  assert.deepEqual(unit.get("Unit.StartLimitIntervalSec"), ["0"]);
  // An exit status of 78 may be a mount that comes late.
  assert.equal(unit.get("Service.RestartPreventExitStatus"), undefined);
});

Deno.test("restart-steps.conf makes pauses longer, in a drop-in that an older systemd need not read", async () => {
  const dropIn = await unitOf("restart-steps.conf");
  assert.deepEqual(Object.fromEntries(dropIn), {
    "Service.RestartSteps": ["5"],
    "Service.RestartMaxDelaySec": ["15s"],
  });
  for (const key of dropIn.keys()) assert.equal(unit.get(key), undefined);
});

Deno.test("jitless.conf forbids executable memory, and unsets each variable of the unit but the one that it sets", async () => {
  const dropIn = await unitOf("jitless.conf");
  assert.deepEqual(dropIn.get("Service.MemoryDenyWriteExecute"), ["yes"]);
  assert.deepEqual(dropIn.get("Service.Environment"), ["DENO_V8_FLAGS=--jitless"]);
  const [reset, ...lines] = dropIn.get("Service.UnsetEnvironment") ?? [];
  assert.equal(reset, "");
  const words = (lines: readonly string[] = []) => lines.flatMap((line) => line.split(" ")).toSorted();
  for (const name of ["trousseau.service", "trousseau-sops.service", "trousseaud.service"]) {
    const unset = words((await unitOf(name)).get("Service.UnsetEnvironment"));
    assert.deepEqual(words(lines), unset.filter((word) => word !== "DENO_V8_FLAGS"), name);
  }
});

/** Runs the command of ExecStartPre as systemd would, as root, in another folder. @returns the remaining files. */
async function cleaned(name: "kms" | "sops", folder: string): Promise<readonly string[]> {
  const [line = ""] = (await unitOf(name === "kms" ? "trousseau.service" : "trousseau-sops.service"))
    .get("Service.ExecStartPre") ?? [];
  const [, script] = /^-\+\/bin\/sh -c '([^']+)'$/.exec(line) ?? [];
  assert.ok(script !== undefined, line);
  await new Deno.Command("/bin/sh", { args: ["-c", script.replace("/run/trousseau", folder)] }).output();
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

/** A socket without a listener, and a lock file. */
function leave(folder: string, name: string, uid: number): void {
  const listener = Deno.listen({ transport: "unix", path: `${folder}/bound` });
  Deno.renameSync(`${folder}/bound`, `${folder}/${name}.sock`);
  listener.close();
  Deno.writeTextFileSync(`${folder}/${name}.sock.lock`, "", { mode: 0o600 });
  for (const end of ["sock", "sock.lock"]) Deno.chownSync(`${folder}/${name}.${end}`, uid, uid);
}

for (const name of ["kms", "sops"] as const) {
  const both = [`${name}.sock`, `${name}.sock.lock`];

  Deno.test(`ExecStartPre of ${name} removes what a dead process of root left, and nothing else`, async () => {
    await inFolder(async (folder) => {
      leave(folder, name, 0);
      leave(folder, "other", 0);
      assert.deepEqual(await cleaned(name, folder), ["other.sock", "other.sock.lock"]);
    });
    await inFolder(async (folder) => {
      leave(folder, name, 64_001);
      assert.deepEqual(await cleaned(name, folder), both);
      Deno.chownSync(`${folder}/${name}.sock`, 0, 0);
      assert.deepEqual(await cleaned(name, folder), [`${name}.sock.lock`], "the socket of a takeover by root");
    });
  });

  Deno.test(`ExecStartPre of ${name} leaves the files of a process that lives, and follows no symlink`, async () => {
    await inFolder(async (folder) => {
      leave(folder, name, 0);
      const lock = await tryLockSocket(`${folder}/${name}.sock`);
      assert.ok(lock !== undefined);
      assert.deepEqual(await cleaned(name, folder), both);
      lock[Symbol.dispose]();
      Deno.removeSync(`${folder}/${name}.sock.lock`);
      assert.deepEqual(await cleaned(name, folder), [`${name}.sock`], "without a lock nothing is known of it");
      Deno.symlinkSync(`${folder}/made`, `${folder}/${name}.sock.lock`);
      assert.deepEqual(await cleaned(name, folder), both, "nothing is made where the symlink leads");
    });
  });
}

Deno.test("trousseau.service reloads by SIGHUP", () => {
  assert.deepEqual(unit.get("Service.ExecReload"), ["/bin/kill -HUP $MAINPID"]);
});

Deno.test("trousseau.service keeps the socket's folder, which containers have mounted", () => {
  assert.deepEqual(unit.get("Service.RuntimeDirectory"), ["trousseau"]);
  assert.deepEqual(unit.get("Service.RuntimeDirectoryPreserve"), ["yes"]);
  assert.deepEqual(unit.get("Service.StateDirectory"), ["trousseau"]);
});

Deno.test("trousseau.service has no capability, no core dump and no swap", () => {
  assert.deepEqual(unit.get("Service.CapabilityBoundingSet"), [""]);
  assert.deepEqual(unit.get("Service.NoNewPrivileges"), ["yes"]);
  assert.deepEqual(unit.get("Service.LimitCORE"), ["0"]);
  assert.deepEqual(unit.get("Service.MemorySwapMax"), ["0"]);
  assert.deepEqual(unit.get("Service.ProtectSystem"), ["strict"]);
});

Deno.test("trousseau.service passes no variable of the runtime on, and no other that it does not name", () => {
  const unset = unit.get("Service.UnsetEnvironment")?.flatMap((names) => names.split(" "));
  assert.deepEqual(unset, Object.keys(runtimeVariables));
  for (const key of ["PassEnvironment", "Environment", "EnvironmentFile"]) {
    assert.equal(unit.get(`Service.${key}`), undefined, key);
  }
});

Deno.test("trousseau.service has descriptors for many connections", () => {
  assert.deepEqual(unit.get("Service.LimitNOFILE"), ["4096"]);
});

Deno.test("trousseau.service does not forbid what V8 needs to compile", () => {
  assert.equal(unit.get("Service.MemoryDenyWriteExecute"), undefined);
});

/** Keys that differ between the units. */
const ownKeys = [
  "Unit.Description",
  "Unit.Before",
  "Unit.After",
  ...["ExecStart", "ExecStartPre", "ExecStartPost", "TimeoutStartSec", "RestartSec", "OOMScoreAdjust"].map((key) =>
    `Service.${key}`
  ),
];

const without = (one: typeof unit, keys: readonly string[]) =>
  Object.fromEntries([...one].filter(([key]) => !keys.includes(key)));

Deno.test("trousseau-sops.service runs beside the plugin, and as well shut in", async () => {
  const sops = await unitOf("trousseau-sops.service");
  assert.deepEqual(sops.get("Service.ExecStart"), [
    "/usr/local/bin/trousseau sops --config /etc/trousseau/trousseau.yaml",
  ]);
  // A socket that the plugin has in the same folder must not go when this unit stops.
  assert.deepEqual(sops.get("Service.RuntimeDirectoryPreserve"), ["yes"]);
  assert.deepEqual(without(sops, ownKeys), without(unit, ownKeys), "nothing else differs from the plugin's unit");
});

Deno.test("trousseaud.service has a user and folders of its own, and is as well shut in as the plugin", async () => {
  const keyring = await unitOf("trousseaud.service");
  assert.deepEqual(keyring.get("Service.ExecStart"), [
    "/usr/local/bin/trousseaud --config /etc/trousseau/keyring.yaml",
  ]);
  const places = ["Service.User", "Service.Group", "Service.RuntimeDirectory", "Service.StateDirectory"];
  for (const key of places) assert.deepEqual(keyring.get(key), ["trousseaud"], key);
  const its = [...ownKeys, ...places, "Unit.RequiresMountsFor"];
  assert.deepEqual(without(keyring, its), without(unit, its));
});

Deno.test("trousseau-drill.service opens the newest snapshot, as shut in as the plugin", async () => {
  const drill = await unitOf("trousseau-drill.service");
  const [program = "", ...words] = (drill.get("Service.ExecStart")?.[0] ?? "").split(" ");
  assert.equal(program, "/usr/local/bin/trousseau");
  const { options } = parse(words, trousseau as Program);
  assert.deepEqual(options, {
    newest: "${TROUSSEAU_SNAPSHOTS}",
    "etcd-prefix": "${TROUSSEAU_ETCD_PREFIX}",
    config: "/etc/trousseau/trousseau.yaml",
    check: true,
  });
  assert.deepEqual(drill.get("Service.Type"), ["oneshot"]);
  assert.deepEqual(drill.get("Service.Environment"), [
    "TROUSSEAU_SNAPSHOTS=/var/backups/etcd",
    "TROUSSEAU_ETCD_PREFIX=/registry",
  ]);
  // It has no socket, no folder of its own, and passes the variables of its folder and prefix on.
  const its = [
    "Type",
    "Environment",
    "EnvironmentFile",
    "Nice",
    "IOSchedulingClass",
    "SystemCallFilter",
    "RuntimeDirectory",
    "RuntimeDirectoryMode",
    "RuntimeDirectoryPreserve",
    "StateDirectory",
    "StateDirectoryMode",
    "ExecReload",
    "TimeoutStopSec",
    "Restart",
    "LimitNOFILE",
  ].map((key) => `Service.${key}`);
  const differing = [...ownKeys, ...its, "Unit.RequiresMountsFor", "Unit.StartLimitIntervalSec", "Install.WantedBy"];
  assert.deepEqual(without(drill, differing), without(unit, differing));
  const permitted = (one: typeof unit) =>
    one.get("Service.SystemCallFilter")?.map((line) => line.replace("@chown ", ""));
  assert.deepEqual(permitted(drill), permitted(unit));
});

Deno.test("trousseau-drill.timer starts the drill each week, also after a pause", async () => {
  const timer = await unitOf("trousseau-drill.timer");
  assert.deepEqual(timer.get("Timer.OnCalendar"), ["weekly"]);
  assert.deepEqual(timer.get("Timer.Persistent"), ["yes"]);
  assert.deepEqual(timer.get("Install.WantedBy"), ["timers.target"]);
});

Deno.test("trousseaud.tmpfiles.conf lets only the server's user to the administrator's socket", async () => {
  const text = await Deno.readTextFile(new URL("trousseaud.tmpfiles.conf", import.meta.url));
  const rows = text.split("\n").filter((line) => line.startsWith("d "));
  assert.deepEqual(rows, [
    "d /run/trousseaud 0755 trousseaud trousseaud -",
    "d /run/trousseaud/admin 0700 trousseaud trousseaud -",
    "d /run/trousseaud/clients 0755 trousseaud trousseaud -",
  ]);
});

Deno.test("kms-plugin.conf lets the unit start without the other plugin, and into its group", async () => {
  const dropIn = readUnit(await Deno.readTextFile(new URL("kms-plugin.conf", import.meta.url)));
  assert.deepEqual(Object.fromEntries(dropIn), {
    "Unit.Wants": ["hsm-plugin.service"],
    "Unit.After": ["hsm-plugin.service"],
    "Service.SupplementaryGroups": ["hsm"],
  });
});

Deno.test("web-reload.path watches the file that web-render.service writes, by a command of clectl", async () => {
  const [render, path, reload] = await Promise.all(
    ["web-render.service", "web-reload.path", "web-reload.service"].map(unitOf),
  );
  const [program = "", ...words] = (render?.get("Service.ExecStart")?.[0] ?? "").split(" ");
  assert.equal(program, "/usr/local/bin/clectl");
  const { options } = parse(words, clectl as Program);
  const { to, watch } = options as { to?: string; watch?: boolean };
  assert.deepEqual([to, watch], [path?.get("Path.PathChanged")?.[0], true]);
  assert.match(reload?.get("Service.ExecStart")?.[0] ?? "", /^\/usr\/bin\/systemctl try-reload-or-restart /);
});

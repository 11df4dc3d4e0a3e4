/**
 * The package `trousseau` over its life on a node with a real systemd: installed, started, upgraded under calls, taken
 * back, removed and purged.
 *
 * @module
 */
import assert from "node:assert/strict";
import { duration, printFigure } from "../e2e/harness/figures.ts";
import { waitFor } from "../support/processes.ts";
import { bootNode, configure, install, keyId, localConfig, mainProcess, someCalls, underCalls } from "./node.ts";
import type { Machine } from "./nspawn.ts";
import { PackageStage } from "./package_stage.ts";

const [older, newer] = ["0.1.0", "0.2.0"] as const;
const stage = await PackageStage.make([older, newer]);
globalThis.addEventListener("unload", () => Deno.removeSync(stage.folder, { recursive: true }));

const packageOf = (version: string, architecture = machineArchitecture()) =>
  stage.inMachine(`trousseau_${version}`, `_${architecture}.deb`);

function machineArchitecture(): "amd64" | "arm64" {
  return Deno.build.arch === "x86_64" ? "amd64" : "arm64";
}

async function startedNode(version: string): Promise<Machine> {
  const machine = await bootNode(stage);
  await install(machine, packageOf(version));
  await configure(machine);
  await machine.shell("systemctl enable --now trousseau", { seconds: 120 });
  return machine;
}

async function versionOf(machine: Machine): Promise<string> {
  return JSON.parse(await machine.shell("trousseau version --json")).version;
}

Deno.test("an installation starts nothing, names the next step, and gives each folder its owner", async () => {
  await using machine = await bootNode(stage);
  const said = await install(machine, packageOf(older));
  assert.match(said, /trousseau: installed and not started\. .+ systemctl enable --now trousseau/);
  const units = ["trousseau.service", "trousseau-sops.service", "trousseau-drill.timer", "trousseaud.service"];
  for (const unit of units) {
    assert.equal((await machine.run(["systemctl", "is-active", unit])).stdout, "inactive\n", unit);
    assert.equal((await machine.run(["systemctl", "is-enabled", unit])).stdout, "disabled\n", unit);
  }
  const places = "/etc/trousseau /etc/trousseau/trousseau.yaml /var/lib/trousseau /run/trousseau /run/trousseaud/admin";
  assert.deepEqual((await machine.shell(`stat -c '%n %a %U:%G' ${places}`)).trimEnd().split("\n"), [
    "/etc/trousseau 750 root:trousseau",
    "/etc/trousseau/trousseau.yaml 600 trousseau:trousseau",
    "/var/lib/trousseau 700 trousseau:trousseau",
    "/run/trousseau 755 trousseau:trousseau",
    "/run/trousseaud/admin 700 trousseaud:trousseaud",
  ]);
  assert.equal(await versionOf(machine), older);
  assert.match(await machine.shell("trousseaud --help"), /keyring serve/);
  await machine.shell("logrotate --debug /etc/logrotate.d/trousseau /etc/logrotate.d/trousseaud");
  const verified = "systemd-analyze verify --man=no /usr/lib/systemd/system/trousseau*.service 2>&1";
  assert.equal(await machine.shell(verified), "");
});

Deno.test("an installation beside one by hand warns of each file that hides one of the package", async () => {
  await using machine = await bootNode(stage);
  const copies = ["/etc/systemd/system/trousseau.service", "/usr/local/bin/trousseau"];
  await machine.shell(`touch ${copies.join(" ")}`);
  const said = await install(machine, packageOf(older));
  assert.deepEqual(
    [...said.matchAll(/warning: (\S+) hides \/usr\/\S+ of the package/g)].map(([, path]) => path),
    copies,
  );
});

Deno.test("an upgrade restarts the unit, and a client that waits for the socket loses no call", async () => {
  await using machine = await startedNode(older);
  const [id, pid] = [await keyId(machine), await mainProcess(machine)];
  const report = await underCalls(machine, async () => {
    await someCalls(machine);
    const said = await install(machine, packageOf(newer));
    assert.doesNotMatch(said, /did not start|refuses/);
    await someCalls(machine);
  });
  printFigure(
    "calls over an upgrade",
    `${report.calls}, ${report.failed} failed, slowest ${duration(report.slowestMs)}`,
  );
  assert.equal(report.failed, 0, report.failure);
  assert.ok(report.calls > 100);
  assert.equal(await versionOf(machine), newer);
  assert.notEqual(await mainProcess(machine), pid);
  assert.equal(await keyId(machine), id);
});

Deno.test("an upgrade starts no unit that was stopped, and keeps what was written into the configuration", async () => {
  await using machine = await startedNode(older);
  await machine.shell("systemctl stop trousseau");
  // The plugin's user reads it and cannot rewrite it: another owner than the package's, which stays.
  await machine.shell("chown root:trousseau /etc/trousseau/trousseau.yaml; chmod 640 /etc/trousseau/trousseau.yaml");
  await install(machine, packageOf(newer));
  assert.equal((await machine.run(["systemctl", "is-active", "trousseau"])).stdout, "inactive\n");
  assert.equal(await machine.shell("cat /etc/trousseau/trousseau.yaml"), localConfig);
  assert.equal(await machine.shell("stat -c '%a %U:%G' /etc/trousseau/trousseau.yaml"), "640 root:trousseau\n");
  await machine.shell("systemctl start trousseau", { seconds: 120 });
  await waitFor("the key ID", () => keyId(machine), { timeoutMs: 60_000 });
  const checked = await machine.shell("trousseau check --config /etc/trousseau/trousseau.yaml");
  assert.doesNotMatch(checked, /may (read|write|replace)/);
});

Deno.test("a configuration that the new version refuses: one sentence, and the running process goes on", async () => {
  await using machine = await startedNode(older);
  const pid = await mainProcess(machine);
  await configure(machine, `${localConfig}masterKeys: old\n`);
  const report = await underCalls(machine, async () => {
    await someCalls(machine);
    const said = await install(machine, packageOf(newer));
    assert.match(said, /trousseau\.yaml:\d+:1: masterKeys: unknown key/);
    assert.match(said, /trousseau\.service goes on as the version before, .+ run systemctl restart trousseau\.service/);
    await someCalls(machine);
  });
  assert.equal(report.failed, 0, report.failure);
  assert.equal(await mainProcess(machine), pid);
  const checked = await machine.run(["trousseau", "check", "--config", "/etc/trousseau/trousseau.yaml"]);
  assert.equal(checked.code, 78);
  await configure(machine);
  await machine.shell("systemctl restart trousseau", { seconds: 120 });
  assert.notEqual(await mainProcess(machine), pid);
});

Deno.test("a version whose program does not run here: one sentence, and the running process goes on", async () => {
  await using machine = await startedNode(older);
  const pid = await mainProcess(machine);
  // As with a libc that lacks a symbol, or a processor that lacks an instruction.
  await machine.shell(
    `dpkg-deb -R ${packageOf(newer)} /tmp/unpacked
    printf '#!/bin/sh\\nexit 127\\n' > /tmp/unpacked/usr/bin/trousseau
    dpkg-deb -Znone -b /tmp/unpacked /tmp/broken.deb`,
    { seconds: 180 },
  );
  const report = await underCalls(machine, async () => {
    await someCalls(machine);
    const said = await install(machine, "/tmp/broken.deb");
    assert.match(said, /trousseau version ended with 127\. Units that run go on as the version before/);
    await someCalls(machine);
  });
  assert.equal(report.failed, 0, report.failure);
  assert.equal(await mainProcess(machine), pid);
});

Deno.test("a downgrade onto a state folder of a newer format: the reason is said, and the running process goes on", async () => {
  await using machine = await startedNode(newer);
  const pid = await mainProcess(machine);
  await keyId(machine);
  const state = "/var/lib/trousseau/key-ring.json";
  await machine.shell(`cat > ${state}`, { stdin: withNewerFormat(await machine.shell(`cat ${state}`)) });
  const said = await install(machine, packageOf(older));
  assert.match(said, /key-ring\.json: a newer version of Trousseau wrote them \(format 2, this version reads 1\)/);
  assert.match(said, /trousseau\.service goes on as the version before, .+ or install the version before again/);
  assert.doesNotMatch(said, /did not start/);
  assert.equal(await mainProcess(machine), pid);
});

Deno.test("a downgrade: the older version goes on with the state of the newer one, and refuses a newer format", async () => {
  await using machine = await startedNode(newer);
  const id = await keyId(machine);
  const report = await underCalls(machine, async () => {
    await someCalls(machine);
    assert.match(await install(machine, packageOf(older)), /downgrading trousseau/);
    await someCalls(machine);
  });
  assert.equal(report.failed, 0, report.failure);
  assert.equal(await versionOf(machine), older);
  assert.equal(await keyId(machine), id);

  const state = "/var/lib/trousseau/key-ring.json";
  const text = await machine.shell(`cat ${state}`);
  await machine.shell(`systemctl stop trousseau; cat > ${state}`, { stdin: withNewerFormat(text) });
  const started = await machine.run(["trousseau", "serve", "--config", "/etc/trousseau/trousseau.yaml"]);
  assert.equal(started.code, 78);
  assert.match(started.stderr, /a newer version of Trousseau wrote them \(format 2, this version reads 1\)/);
});

function withNewerFormat(text: string): string {
  const changed = text.replace(/"format": ?1\b/, '"format":2');
  assert.notEqual(changed, text);
  return changed;
}

Deno.test("a removal warns of the socket, stops the unit, and leaves the state and its name; so does a purge", async () => {
  await using machine = await startedNode(older);
  await machine.shell("test -S /run/trousseau/kms.sock");
  const id = await keyId(machine);
  const removed = await machine.shell("dpkg --remove trousseau 2>&1");
  assert.match(removed, /warning: \/run\/trousseau\/kms\.sock is there\./);
  assert.match(removed, /\/var\/lib\/trousseau stays\. With it you lose .+ the key itself/);
  assert.equal((await machine.run(["systemctl", "is-active", "trousseau"])).stdout, "inactive\n");
  await assert.rejects(machine.shell("test -e /usr/bin/trousseau"));
  await machine.shell("test -s /var/lib/trousseau/local.keys; test -f /etc/trousseau/trousseau.yaml");

  const purged = await machine.shell("dpkg --purge trousseau 2>&1");
  assert.match(purged, /\/var\/lib\/trousseau stays\./);
  await machine.shell("test -s /var/lib/trousseau/local.keys; test ! -e /etc/trousseau/trousseau.yaml");

  // The state serves the next installation: the key ID is the one from before.
  await install(machine, packageOf(older));
  await configure(machine);
  await machine.shell("systemctl start trousseau", { seconds: 120 });
  const { value } = await waitFor("the key ID", () => keyId(machine), { timeoutMs: 60_000 });
  assert.equal(value, id);
});

Deno.test("a package for another architecture is refused by dpkg in one sentence, and nothing is unpacked", async () => {
  await using machine = await bootNode(stage);
  const other = machineArchitecture() === "amd64" ? "arm64" : "amd64";
  const { code, stderr } = await machine.run(["dpkg", "--install", packageOf(older, other)]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(`package architecture \\(${other}\\) does not match system \\(${machineArchitecture()}\\)`),
  );
  await assert.rejects(machine.shell("test -e /usr/bin/trousseau"));
});

Deno.test("an installation into a folder of a system that does not run, as an image is built, starts and asks nothing", async () => {
  await using machine = await bootNode(stage);
  // The packages of the machine itself, in a folder that no systemd runs in.
  await machine.shell(
    "mkdir /image; for each in bin etc lib lib64 sbin usr var; do cp -a /$each /image/ 2>/dev/null || :; done; mkdir -p /image/run /image/tmp /image/proc /image/dev; mount -t proc proc /image/proc; mount --bind /dev /image/dev",
  );
  await machine.shell(`cp ${packageOf(older)} /image/tmp/trousseau.deb`);
  const said = await machine.shell("chroot /image dpkg --install /tmp/trousseau.deb 2>&1", { seconds: 180 });
  assert.match(said, /trousseau: installed and not started/);
  assert.equal(await machine.shell("chroot /image stat -c %U /var/lib/trousseau"), "trousseau\n");
  await machine.shell("chroot /image systemctl enable trousseau");
  const link = "/image/etc/systemd/system/multi-user.target.wants/trousseau.service";
  await machine.shell(`test -L ${link}`);
  await machine.shell("chroot /image dpkg --remove trousseau 2>&1");
  await machine.shell(`test ! -L ${link}`);
});

/**
 * The scripts of the rpm under a real systemd. The system is a Debian with rpm's own tool, so that `--nodeps` stands for
 * the packages of another distribution.
 *
 * @module
 */
import assert from "node:assert/strict";
import { duration, printFigure } from "../e2e/harness/figures.ts";
import { bootableWithRpm } from "./debian_root.ts";
import { bootNode, configure, keyId, localConfig, mainProcess, someCalls, underCalls } from "./node.ts";
import type { Machine } from "./nspawn.ts";
import { PackageStage } from "./package_stage.ts";

const [older, newer] = ["0.1.0", "0.2.0"] as const;
const stage = await PackageStage.make([older, newer]);
globalThis.addEventListener("unload", () => Deno.removeSync(stage.folder, { recursive: true }));

const machineName = Deno.build.arch === "x86_64" ? "x86_64" : "aarch64";

async function rpm(machine: Machine, option: string, version: string): Promise<string> {
  const file = stage.inMachine(`trousseau-${version}`, `.${machineName}.rpm`);
  return await machine.shell(`rpm --nodeps ${option} ${file} 2>&1`, { seconds: 180 });
}

Deno.test("the rpm: an installation starts nothing, an upgrade and the way back lose no call, an erasure leaves the state", async () => {
  await using machine = await bootNode(stage, bootableWithRpm);
  const said = await rpm(machine, "--install", older);
  assert.match(said, /trousseau: installed and not started\./);
  assert.equal((await machine.run(["systemctl", "is-enabled", "trousseau"])).stdout, "disabled\n");
  const places = "/etc/trousseau /etc/trousseau/trousseau.yaml /var/lib/trousseau";
  assert.deepEqual((await machine.shell(`stat -c '%a %U:%G' ${places}`)).trimEnd().split("\n"), [
    "750 root:trousseau",
    "600 trousseau:trousseau",
    "700 trousseau:trousseau",
  ]);
  await configure(machine);
  await machine.shell("chown root:trousseau /etc/trousseau/trousseau.yaml; chmod 640 /etc/trousseau/trousseau.yaml");
  await machine.shell("systemctl enable --now trousseau", { seconds: 120 });
  const [id, pid] = [await keyId(machine), await mainProcess(machine)];

  const report = await underCalls(machine, async () => {
    await someCalls(machine);
    assert.doesNotMatch(await rpm(machine, "--upgrade", newer), /did not start|refuses|stays|warning/);
    await someCalls(machine);
    await rpm(machine, "--upgrade --oldpackage", older);
    await someCalls(machine);
  });
  printFigure("calls over two rpm", `${report.calls}, ${report.failed} failed, slowest ${duration(report.slowestMs)}`);
  assert.equal(report.failed, 0, report.failure);
  assert.notEqual(await mainProcess(machine), pid);
  assert.equal(await keyId(machine), id);
  assert.equal(await machine.shell("cat /etc/trousseau/trousseau.yaml"), localConfig);
  assert.equal(await machine.shell("stat -c '%a %U:%G' /etc/trousseau/trousseau.yaml"), "640 root:trousseau\n");

  const erased = await machine.shell("rpm --nodeps --erase trousseau 2>&1", { seconds: 120 });
  assert.match(erased, /warning: \/run\/trousseau\/kms\.sock is there\./);
  assert.match(erased, /\/var\/lib\/trousseau stays\./);
  assert.equal((await machine.run(["systemctl", "is-active", "trousseau"])).stdout, "inactive\n");
  await machine.shell("test -s /var/lib/trousseau/local.keys; test ! -e /usr/bin/trousseau");
});

/**
 * `deploy/systemd/jitless.conf` on a booted machine: the plugin serves without memory that can be written and executed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { trousseau } from "../../deploy/compile/artefacts.ts";
import { repository, stage } from "../../deploy/compile/stage.ts";
import { Machine } from "./nspawn.ts";
import { stagedProgram } from "./staged_program.ts";

const configuration = `socket: { path: /run/trousseau/kms.sock }
state: /var/lib/trousseau
providers: [{ name: local, kind: local, keyFile: /var/lib/trousseau/local.keys, create: true }]
`;

const dropIn = "/etc/systemd/system/trousseau.service.d/jitless.conf";

async function openMachine(folder: string): Promise<Machine> {
  await stage(folder);
  await Deno.chmod(folder, 0o755);
  const machine = await Machine.boot({
    binds: {
      "/opt/stage": folder,
      "/opt/deno": await Deno.realPath(Deno.execPath()),
      "/root/deploy": join(repository, "deploy"),
    },
  });
  await machine.shell("cat > /usr/local/bin/trousseau && chmod 0755 /usr/local/bin/trousseau", {
    stdin: stagedProgram(trousseau, { stage: "/opt/stage", deno: "/opt/deno" }),
  });
  await machine.shell(
    "install -D -m 0644 /root/deploy/systemd/trousseau.sysusers.conf /usr/lib/sysusers.d/trousseau.conf && " +
      "systemd-sysusers && install -d -o trousseau -g trousseau /etc/trousseau && " +
      "install -m 0644 /root/deploy/systemd/trousseau.service /etc/systemd/system/",
  );
  await machine.shell("cat > /etc/trousseau/trousseau.yaml", { stdin: configuration });
  await machine.shell(`install -D -m 0644 /root/deploy/systemd/jitless.conf ${dropIn} && systemctl daemon-reload`);
  return machine;
}

Deno.test("jitless.conf: the plugin meets every criterion without executable memory, and needs the engine's flag", async (t) => {
  const folder = await Deno.makeTempDir();
  await using machine = await openMachine(folder);

  await t.step("trousseau conformance on the running unit", async () => {
    await machine.shell("systemctl start trousseau", { seconds: 120 });
    await machine.shell("trousseau probe --wait --timeout 60s --socket /run/trousseau/kms.sock", { seconds: 90 });
    const end = await machine.run(
      ["trousseau", "conformance", "unix:///run/trousseau/kms.sock"],
      { seconds: 180 },
    );
    assert.equal(end.code, 0, end.stdout + end.stderr);
    const shown = await machine.shell("systemctl show --property=MemoryDenyWriteExecute --value trousseau");
    assert.equal(shown.trim(), "yes");
  });

  await t.step("without the flag the process cannot start", async () => {
    await machine.shell(`sed -i '/^Environment=/d' ${dropIn} && systemctl daemon-reload && systemctl stop trousseau`);
    await machine.run(["systemctl", "start", "trousseau"], { seconds: 120 });
    const probe = await machine.run(["trousseau", "probe", "--socket", "/run/trousseau/kms.sock"], { seconds: 60 });
    assert.notEqual(probe.code, 0, "the plugin serves, so that nothing is denied");
  });
  await Deno.remove(folder, { recursive: true });
});

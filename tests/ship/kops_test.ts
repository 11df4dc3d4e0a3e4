/**
 * The units of the kOps cluster under a real systemd. A script that leaves a file in the socket's place stands for the
 * plugin.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { Machine } from "./nspawn.ts";

interface Hook {
  readonly name: string;
  readonly manifest: string;
}

const cluster = await Deno.readTextFile(new URL("../../deploy/kops/cluster.yaml", import.meta.url));
const { spec: { hooks } }: { spec: { hooks: readonly Hook[] } } = parse(cluster);

const plugin = `#!/bin/sh
case $1 in serve) echo $$ > /run/trousseau/kms.sock; exec sleep infinity ;; esac
`;

Deno.test("the bind mount of kOps shows each new socket, also after a stop and a start of the plugin", async () => {
  await using machine = await Machine.boot();
  await machine.shell("useradd --system trousseau");
  await machine.shell("cat > /usr/local/bin/trousseau; chmod 755 /usr/local/bin/trousseau", { stdin: plugin });
  for (const { name, manifest } of hooks) {
    await machine.shell(`cat > /etc/systemd/system/${name}`, { stdin: manifest });
  }
  await machine.shell("systemctl daemon-reload; systemctl start trousseau-socket.service");
  const mainProcess = () => machine.shell("systemctl show --property=MainPID --value trousseau.service");
  const shown = () => machine.shell("cat /srv/kubernetes/kube-apiserver/trousseau/kms.sock");
  const first = await mainProcess();
  assert.equal(await shown(), first, "the mount starts the plugin");
  for (const verbs of [["stop", "start"], ["restart"]]) {
    for (const verb of verbs) await machine.shell(`systemctl ${verb} trousseau.service`);
    assert.equal((await machine.run(["systemctl", "is-active", "trousseau-socket.service"])).stdout, "active\n");
    assert.equal(await shown(), await mainProcess(), verbs.join());
  }
  assert.notEqual(await mainProcess(), first);
  await machine.shell("systemctl stop trousseau-socket.service; ! mountpoint /srv/kubernetes/kube-apiserver/trousseau");
});

/**
 * `deploy/kubernetes/apiserver.sh` on a real kube-apiserver, whose arguments come from its manifest.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { Authority } from "../support/certificates.ts";
import { kubeadmManifest } from "../support/kubeadm_manifest.ts";
import { run } from "../support/processes.ts";
import { apiServerFlags, prepareApiServer } from "./harness/api_server.ts";
import { startEtcd } from "./harness/etcd.ts";
import { Node } from "./harness/plugin.ts";
import { StaticPods } from "./harness/static_pods.ts";

const script = new URL("../../deploy/kubernetes/apiserver.sh", import.meta.url).pathname;

Deno.test("apiserver.sh enables encryption on a real kube-apiserver, undoes it, and goes back from a server that is not ready", async () => {
  await using node = await Node.make();
  const folder = join(node.folder, "kubernetes");
  const [manifest, file] = [`${folder}/manifests/kube-apiserver.yaml`, `${folder}/enc/config.yaml`];
  for (const made of ["manifests", "enc"]) await Deno.mkdir(`${folder}/${made}`, { recursive: true });
  await using etcd = await startEtcd(join(node.folder, "etcd"));
  const pki = `${folder}/pki`;
  const { port } = await prepareApiServer(pki);
  const authority = new Authority();
  const { certificate, key } = authority.issue({ commonName: "kube-apiserver", names: ["kubernetes", "127.0.0.1"] });
  await Deno.writeTextFile(`${pki}/ca.crt`, authority.certificate);
  await Deno.writeTextFile(`${pki}/tls.crt`, certificate);
  await Deno.writeTextFile(`${pki}/tls.key`, key);
  const flags = [
    ...apiServerFlags(etcd, pki, port),
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/tls.crt`,
    `--tls-private-key-file=${pki}/tls.key`,
  ];
  const before = kubeadmManifest({ flags, folders: [pki] });
  await Deno.writeTextFile(manifest, before, { mode: 0o600 });
  const { command, env } = node.program;
  const call = (verb: string, ...more: readonly string[]) =>
    run(script, [verb, "--manifest", manifest, "--encryption-config", file, ...more], {
      env: { ...env, TROUSSEAU: command },
    });
  const ready = (...more: readonly string[]) => node.command("apiserver", "ready", "--manifest", manifest, ...more);

  const plugin = await node.start({
    providers: [{ name: "local", kind: "local", keyFile: join(node.folder, "local.keys"), create: true }],
  });
  await using _stopped = plugin;
  await using pods = await StaticPods.start(`${folder}/manifests`);
  const started = await ready("--encrypts", "no");
  equal(started.code, 0, started.stderr);

  const socket = ["--socket", node.socket];
  const writing = await node.command("encryption-config", ...socket);
  await Deno.writeTextFile(file, writing.stdout, { mode: 0o600 });
  const early = await call("enable");
  equal(early.code, 78);
  match(early.stderr, /encrypts at once/);
  const reading = await node.command("encryption-config", "--identity", "first", ...socket);
  await Deno.writeTextFile(file, reading.stdout);

  const enabled = await call("enable");
  equal(enabled.code, 0, enabled.stderr);
  equal(pods.starts, 2);
  const reloading = await call("enable", "--automatic-reload");
  equal(reloading.code, 0, reloading.stderr);
  equal(pods.starts, 3);
  equal((await ready("--encrypts", "reloading", "--timeout", "30s")).code, 0);
  match((await call("enable", "--automatic-reload")).stderr, /Nothing to do/);

  const undone = await call("undo");
  equal(undone.code, 0, undone.stderr);
  equal(await Deno.readTextFile(manifest), before);
  equal(pods.starts, 4);
  equal((await ready("--encrypts", "no", "--timeout", "30s")).code, 0);

  // The plugin answers the edit, and is gone when kube-apiserver starts.
  pods.beforeStart = async (args) => {
    if (args.some((flag) => flag.startsWith("--encryption-provider-config="))) await plugin.process.kill();
  };
  const failed = await call("enable", "--timeout", "15s");
  equal(failed.code, 69, failed.stderr);
  match(failed.stderr, /did not become ready; .* is as it was before, and kube-apiserver is ready again/);
  equal(await Deno.readTextFile(manifest), before);
  const away = await call("enable");
  equal(away.code, 69, away.stderr);
  match(away.stderr, /would not become ready with the plugin/);
  deepEqual([...pods.otherFiles], [], "kubelet would run each file of the folder as a pod");
});

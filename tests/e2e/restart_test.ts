/**
 * The plugin is killed, restarted and replaced while the API server works. Over v1beta1 each write is a call to the
 * plugin; over v2 only calls that the API server has not cached are.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pause, waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { flagsFor } from "./harness/encryption.ts";
import { duration, printFigure } from "./harness/figures.ts";
import { countReadable, describeLoad, Load, writeSecret } from "./harness/load.ts";
import { Node } from "./harness/plugin.ts";
import { serverProgram } from "./servers.ts";
import { setUp } from "./harness/providers.ts";

/** How often the plugin is restarted under one client. */
const restarts = 5;

for (const api of ["v2", "v1beta1"] as const) {
  Deno.test(`SIGKILL and restart over ${api}: the API server continues, and all objects are readable afterwards`, async () => {
    await using node = await Node.make();
    await using providers = await setUp("local", node);
    const config = { providers: providers.entries };
    await using killed = await node.start(config);
    const options = { encryption: await node.encryptionConfiguration(api), flags: flagsFor(api) };
    await using cluster = await Cluster.start(options);
    const load = new Load(cluster.server, "killed");
    await waitFor("some writes", () => load.count > 20, { timeoutMs: 30_000 });

    await killed.process.kill();
    await using _restarted = await node.start(config);
    const count = load.count;
    await waitFor("writes after the restart", () => load.count > count + 40, { timeoutMs: 120_000 });
    const report = await load.stop();
    printFigure(`SIGKILL and restart over ${api}`, describeLoad(report));
    assert.ok(report.failures.every((failure) => failure.startsWith("500 ")), report.failures.join("\n"));

    // A fresh API server has no seed in memory: whatever was sealed before and after the crash comes from the plugin.
    await cluster.stopServer();
    await cluster.startServer(options);
    assert.equal(await countReadable(cluster.server, report.written), report.written.size);
  });

  Deno.test(`serve --takeover over ${api}: an upgrade under load loses no call`, async () => {
    await using node = await Node.make();
    await using providers = await setUp("local", node);
    const config = { providers: providers.entries };
    await using old = await node.start(config);
    const options = { encryption: await node.encryptionConfiguration(api), flags: flagsFor(api) };
    await using cluster = await Cluster.start(options);
    const load = new Load(cluster.server, "upgraded");
    await waitFor("some writes", () => load.count > 20, { timeoutMs: 30_000 });

    await using upgraded = await node.start(config, "--takeover");
    const left = await waitFor("the old plugin to leave", () => old.process.status, { timeoutMs: 30_000 });
    assert.equal(left.value.code, 0, old.process.tail);
    const count = load.count;
    await waitFor("writes after the upgrade", () => load.count > count + 40, { timeoutMs: 60_000 });
    const report = await load.stop();
    printFigure(`upgrade by --takeover over ${api}`, describeLoad(report));
    assert.equal(report.lost, 0, report.failures.join("\n"));

    await cluster.stopServer();
    await cluster.startServer(options);
    assert.equal(await countReadable(cluster.server, report.written), report.written.size);
    assert.equal(upgraded.process.status, undefined);
  });
}

Deno.test("SIGTERM and a new start, as systemctl restart does it, lose no call of a client that waits for the socket", async () => {
  const program = await serverProgram("kms-client");
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  const config = { providers: providers.entries };
  let running = await node.start(config);
  try {
    await waitFor("a first key ID", async () => (await running.status()).healthz === "ok", { timeoutMs: 60_000 });
    const args = ["-socket", node.socket, "-in-flight", "8"];
    const client = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
    let longest = 0;
    for (let at = 0; at < restarts; at++) {
      await pause(1_500);
      const asked = performance.now();
      const { code } = await running.process.stop();
      assert.equal(code, 0, running.process.tail);
      const gone = performance.now();
      running = await node.start(config);
      const there = performance.now();
      longest = Math.max(longest, there - gone);
      printFigure(
        `restart ${at + 1} under load`,
        `${duration(gone - asked)} to end, ${duration(there - gone)} to listen`,
      );
    }
    await pause(1_500);
    await client.stdin.close();
    const report = JSON.parse(new TextDecoder().decode((await client.output()).stdout));
    printFigure(
      "calls over restarts",
      `${report.calls}, ${report.failed} failed, slowest ${duration(report.slowestMs)}`,
    );
    assert.equal(report.failed, 0, report.failure);
    assert.ok(report.calls > 100);
    assert.ok(longest < 4 * 1_000, `${longest} ms`);
  } finally {
    await running[Symbol.asyncDispose]();
  }
});

Deno.test("without --takeover a second plugin does not start, and the first one continues to serve", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  const config = { providers: providers.entries };
  await using plugin = await node.start(config);
  const encryption = await node.encryptionConfiguration("v1beta1");
  await using cluster = await Cluster.start({ encryption, flags: flagsFor("v1beta1") });
  const file = await node.write("second.yaml", JSON.stringify(node.config(config)));
  const second = await node.command("serve", "--config", file);
  assert.equal(second.code, 78, second.stderr);
  await pause(1500);
  assert.equal(await writeSecret(cluster.server, "still", "served"), 201);
  assert.equal(plugin.process.status, undefined);
});

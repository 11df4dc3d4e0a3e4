/**
 * The plugin as a process whose wall clock is stepped while it runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { mainFile } from "../support/local_plugin.ts";
import { freePort, Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { startTransitServer } from "../support/transit_server.ts";

const soon = { timeoutMs: 30_000, everyMs: 50 };
/** Milliseconds; the probe's interval of the configuration below. */
const interval = 2_000;
const preload = new URL("../support/shifted_clock.ts", import.meta.url).href;

interface Provider {
  readonly since: string;
  readonly lastGoodAt: string | null;
}

interface Status {
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly announcedAt: string | null;
  readonly providers: readonly Provider[];
}

for (const hours of [3, -3]) {
  Deno.test(`serve reports correct times after the clock was set by ${hours} h, and serves as before`, async () => {
    await inFolder(async (folder) => {
      await using server = await startTransitServer();
      server.transit.create("kubernetes");
      await Deno.writeTextFile(`${folder}/secret`, server.secretId, { mode: 0o600 });
      const listen = `127.0.0.1:${freePort()}`;
      const config = {
        socket: { path: `${folder}/kms.sock` },
        state: `${folder}/state`,
        telemetry: { listen },
        probe: { interval: `${interval / 1000}s` },
        providers: [{
          name: "vault",
          kind: "vault-transit",
          address: server.address,
          key: "kubernetes",
          auth: { method: "approle", roleId: server.roleId, secretId: { file: `${folder}/secret` } },
        }],
      };
      await Deno.writeTextFile(`${folder}/trousseau.yaml`, JSON.stringify(config));
      const flags = ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder}`];
      const words = [`--preload=${preload}?hours=${hours}`, mainFile, "serve", "--config", `${folder}/trousseau.yaml`];
      const args = [...flags, ...words];
      await using plugin = new Process({ name: "trousseau", command: Deno.execPath(), args, cwd: folder });
      const startedAt = Date.now();
      const page = async (path: string) => await (await fetch(`http://${listen}${path}`)).text();
      const status = async (): Promise<Status> => JSON.parse(await page("/status"));
      await waitFor("a key ID", async () => (await status()).announcedAt !== null, { ...soon, alive: [plugin] });
      const before = await status();

      Deno.kill(plugin.pid, "SIGUSR2");
      const wall = () => Date.now() + hours * 3_600_000;
      const ago = (time: string | null) => wall() - Date.parse(time ?? "");
      const isShown = async () => Math.abs(ago((await status()).startedAt) - (Date.now() - startedAt)) < 5_000;
      await waitFor("the set clock to show", isShown, { ...soon, alive: [plugin] });

      // Probes go on, and their times are by the new clock.
      const lastGood = async () => (await status()).providers[0]?.lastGoodAt ?? "";
      const [first] = [await lastGood()];
      await waitFor("another probe", async () => await lastGood() !== first, { ...soon, alive: [plugin] });
      const after = await status();
      const lived = Date.now() - startedAt;
      for (const time of [after.announcedAt, after.providers[0]?.since ?? null]) {
        assert.ok(ago(time) >= -500 && ago(time) <= lived + 500, `${time} is ${ago(time)} ms ago`);
      }
      assert.ok(Math.abs(ago(after.providers[0]?.lastGoodAt ?? null)) <= 2 * interval + 500);
      assert.ok(after.uptimeSeconds >= before.uptimeSeconds && after.uptimeSeconds * 1000 <= lived + 500);

      const metrics = await page("/metrics");
      const sample = (name: string) =>
        Number(
          metrics.split("\n").find((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))?.split(" ").at(
            -1,
          ),
        );
      const success = sample("trousseau_provider_last_success_timestamp_seconds") * 1000;
      assert.ok(Math.abs(wall() - success) <= 2 * interval + 1_500, `${wall() - success} ms ago`);
      const lifetime = sample("trousseau_token_lifetime_seconds");
      assert.ok(lifetime > 0 && lifetime <= 3_600, `${lifetime} s`);
      const logins = sample('trousseau_logins_total{provider="vault",method="approle",result="ok"}');
      assert.equal(logins, 1, "the token is not replaced for the clock");
      const start = sample("process_start_time_seconds") * 1000;
      assert.ok(Math.abs(wall() - start - lived) < 5_000, "the start by the clock of now");
    });
  });
}

/**
 * `status` while the KMS refuses: a wrapped data key is ready, but Encrypt is refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import { KmsError } from "../../lib/base/errors.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { sourceArguments } from "../support/local_plugin.ts";
import { freePort, Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { startTransitServer } from "../support/transit_server.ts";

const soon = { timeoutMs: 60_000, everyMs: 100 };

Deno.test("status and the metric show that Encrypt is refused if its KMS refuses", async () => {
  await inFolder(async (folder) => {
    await using server = await startTransitServer();
    server.transit.create("kubernetes");
    await Deno.writeTextFile(`${folder}/token`, server.token, { mode: 0o600 });
    const listen = `127.0.0.1:${freePort()}`;
    const config = {
      socket: { path: `${folder}/kms.sock` },
      state: `${folder}/state`,
      telemetry: { listen },
      probe: { interval: "1s" },
      providers: [{
        name: "vault",
        kind: "vault-transit",
        address: server.address,
        key: "kubernetes",
        auth: { method: "token", token: { file: `${folder}/token` } },
      }],
    };
    await Deno.writeTextFile(`${folder}/trousseau.yaml`, JSON.stringify(config));
    const trousseau = (...words: string[]) => {
      const args = sourceArguments(folder, ...words, "--config", `${folder}/trousseau.yaml`);
      return new Process({ name: words.join(" "), command: Deno.execPath(), args, cwd: folder });
    };
    await using plugin = trousseau("serve");
    const page = async (path: string) => await (await fetch(`http://${listen}${path}`)).text();
    await using client = dialKms(config.socket.path);
    const encrypt = async () => {
      const call = { signal: AbortSignal.timeout(4_000) };
      return (await client.v2.Encrypt({ plaintext: new Uint8Array(32), uid: "test" }, call)).key_id;
    };
    await waitFor("a first Encrypt", encrypt, { ...soon, alive: [plugin] });
    assert.match(await page("/metrics"), /^trousseau_can_encrypt 1$/m);

    server.fault = { kind: "denied" };
    const refused = async () => await encrypt().then(() => false, (thrown) => thrown instanceof KmsError);
    await waitFor("an Encrypt that is refused", refused, { ...soon, alive: [plugin] });
    // Metrics are rendered once a second.
    const counted = async () => /^trousseau_can_encrypt 0$/m.test(await page("/metrics"));
    await waitFor("the metric to say so", counted, { ...soon, alive: [plugin] });
    const told = JSON.parse(await page("/status"));
    assert.equal(told.canEncrypt, false);
    assert.ok(Math.abs(Date.now() - Date.parse(told.dataKeyMadeAt)) < soon.timeoutMs);
    await using status = trousseau("status");
    assert.equal((await status.exited).code, 77, status.output);
    assert.match(
      status.output,
      /^Encrypt: refused, although a data key made \d+ s ago is held: the KMS refuses: Cannot .*Vault answered 403/m,
    );
    assert.doesNotMatch(status.output, /Encrypt: ready/);
  });
});

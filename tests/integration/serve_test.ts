/**
 * `trousseau serve` as a process: the embedded default, a socket in use, a takeover, a restart, a KMS that starts late.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { KmsError } from "../../lib/base/errors.ts";
import { createKeyFile } from "../../lib/provider/local/write_key_file.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import type { EncryptResponse } from "../../lib/api/kms/messages.ts";
import { sourceArguments } from "../support/local_plugin.ts";
import { freePort, Process, run, waitFor } from "../support/processes.ts";
import { startTransitServer } from "../support/transit_server.ts";
import { inFolder } from "../support/temporary_folder.ts";

const call = { signal: new AbortController().signal };
const soon = { timeoutMs: 30_000, everyMs: 10 };

function serve(folder: string, ...words: string[]): Process {
  const args = sourceArguments(folder, "serve", ...words);
  const env = { XDG_RUNTIME_DIR: folder, STATE_DIRECTORY: `${folder}/state` };
  return new Process({ name: "trousseau", command: Deno.execPath(), args, cwd: folder, env });
}

async function localConfig(folder: string): Promise<string> {
  const file = `${folder}/trousseau.yaml`;
  const content = {
    socket: { path: `${folder}/kms.sock` },
    state: `${folder}/state`,
    telemetry: { listen: `127.0.0.1:${freePort()}` },
    providers: [{ name: "local", kind: "local", keyFile: `${folder}/local.keys`, create: true }],
  };
  await Deno.writeTextFile(file, JSON.stringify(content));
  return file;
}

async function roundTrip(path: string): Promise<string> {
  await using client = dialKms(path);
  const plaintext = new Uint8Array(randomBytes(32));
  const sealed = await client.v2.Encrypt({ plaintext, uid: "test" }, call);
  const opened = await client.v2.Decrypt({ ...sealed, uid: "test" }, call);
  assert.deepEqual(new Uint8Array(opened.plaintext), plaintext);
  return sealed.key_id;
}

/** Waits for the first round trip of a new node, which has no key ID at first. */
async function firstKeyId(path: string, process: Process): Promise<string> {
  await socketAt(path, process);
  return (await waitFor("a first round trip", () => roundTrip(path), { ...soon, alive: [process] })).value;
}

async function socketAt(path: string, process: Process): Promise<void> {
  await waitFor(`the socket ${path}`, async () => (await Deno.stat(path)).isSocket, { ...soon, alive: [process] });
}

Deno.test("serve without a configuration tests itself, prints the settings for kube-apiserver, and ends with 0 at SIGTERM", async () => {
  await inFolder(async (folder) => {
    await using plugin = serve(folder);
    const path = `${folder}/trousseau/kms.sock`;
    await waitFor("its introduction", () => plugin.output.includes("identity: {}"), { ...soon, alive: [plugin] });
    assert.match(plugin.output, /worked, over KMS v2 and v1beta1/);
    assert.match(plugin.output, /That is no remote KMS/);
    assert.ok(plugin.output.includes(`endpoint: unix://${path}`));
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    assert.equal(((await Deno.stat(`${folder}/state/local.keys`)).mode ?? 0) & 0o777, 0o600);
    await roundTrip(path);
    assert.equal((await plugin.stop()).code, 0);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  });
});

Deno.test("serve ends with 78 while another one serves, and takes over with --takeover", async () => {
  await inFolder(async (folder) => {
    const [config, path] = [await localConfig(folder), `${folder}/kms.sock`];
    await using first = serve(folder, "--config", config);
    const keyId = await firstKeyId(path, first);
    await using second = serve(folder, "--config", config);
    assert.equal((await second.exited).code, 78);
    assert.match(second.output, /another process serves there; stop it, or start with --takeover\./);
    await using third = serve(folder, "--takeover", "--config", config);
    assert.equal((await first.exited).code, 0);
    assert.equal(await roundTrip(path), keyId);
    assert.equal((await third.stop()).code, 0);
  });
});

Deno.test("serve that was killed starts again over its stale socket, and its first Encrypt is answered", async () => {
  await inFolder(async (folder) => {
    const [config, path] = [await localConfig(folder), `${folder}/kms.sock`];
    await using killed = serve(folder, "--config", config);
    const keyId = await firstKeyId(path, killed);
    await killed.kill();
    await using again = serve(folder, "--config", config);
    await waitFor(
      "somebody who listens",
      () => Deno.connect({ transport: "unix", path }).then((c) => (c.close(), true)),
      {
        ...soon,
        alive: [again],
      },
    );
    assert.equal(await roundTrip(path), keyId, "without a second try");
  });
});

Deno.test("serve starts while its KMS is down, prints the reason, and recovers by itself", async () => {
  await inFolder(async (folder) => {
    await using server = await startTransitServer();
    server.transit.create("kubernetes");
    server.fault = { kind: "status", status: 503, why: "Vault is sealed" };
    const path = `${folder}/kms.sock`;
    await Deno.writeTextFile(`${folder}/token`, server.token, { mode: 0o600 });
    await Deno.writeTextFile(
      `${folder}/trousseau.yaml`,
      JSON.stringify({
        socket: { path },
        state: `${folder}/state`,
        telemetry: { listen: "off" },
        providers: [{
          name: "vault",
          kind: "vault-transit",
          address: server.address,
          key: "kubernetes",
          auth: { method: "token", token: { file: `${folder}/token` } },
        }],
      }),
    );
    await using plugin = serve(folder, "--config", `${folder}/trousseau.yaml`);
    await socketAt(path, plugin);
    await using client = dialKms(path);
    await waitFor("a Status that says why", async () => {
      const refused = await client.v2.Status({}, call).catch((thrown: unknown) => thrown);
      return refused instanceof KmsError && refused.code === "unreachable" && /sealed/.test(refused.message);
    }, soon);
    server.fault = undefined;
    await waitFor("a round trip", () => roundTrip(path), soon);
    assert.equal((await plugin.stop()).code, 0);
  });
});

/** The outputs of a plugin: `/readyz`, `/metrics` and the two forms of `status`. */
async function said(folder: string, config: string) {
  const { telemetry: { listen } } = JSON.parse(await Deno.readTextFile(config));
  const response = await fetch(`http://${listen}/readyz`);
  const text = await response.text();
  const metrics = await (await fetch(`http://${listen}/metrics`)).text();
  const args = sourceArguments(folder, "status", "--config", config);
  const status = await run(Deno.execPath(), args, { cwd: folder });
  const document = JSON.parse((await run(Deno.execPath(), [...args, "--json"], { cwd: folder })).stdout);
  return { code: response.status, text, metrics, status, document };
}

Deno.test("serve with another node's keys turns /readyz red before and after Decrypts are refused, and never for one damaged object", async () => {
  await inFolder(async (folder) => {
    const [config, path] = [await localConfig(folder), `${folder}/kms.sock`];
    const plaintext = new Uint8Array(randomBytes(32));
    const decryptAll = async (envelopes: readonly EncryptResponse[]) => {
      await using client = dialKms(path);
      const codes: string[] = [];
      for (const sealed of envelopes) {
        const code = await client.v2.Decrypt({ ...sealed, uid: "test" }, call).then(() => "ok", ({ code }) => code);
        codes.push(code);
      }
      return codes;
    };
    const stored: EncryptResponse[] = [];
    {
      await using first = serve(folder, "--config", config);
      await firstKeyId(path, first);
      await using client = dialKms(path);
      for (let i = 0; i < 3; i++) stored.push(await client.v2.Encrypt({ plaintext, uid: "test" }, call));
      const [damaged] = stored.map((one) => ({ ...one, ciphertext: one.ciphertext.map((byte, at) => at ? byte : 0) }));
      assert.ok(damaged);
      await decryptAll(Array.from({ length: 100 }, () => damaged));
      const { code, text, metrics, status } = await said(folder, config);
      assert.equal(code, 200);
      assert.match(text, /^ready\n[^]*^refused Decrypts: 1 envelope in the last 5 minutes/m);
      assert.match(metrics, /^trousseau_refused_decrypt_envelopes\{code="integrity"\} 1$/m);
      assert.equal(status.code, 0, status.stderr);
      assert.match(status.stdout, /^ +announced [\d:]{8}, first Encrypt under it [\d:]{8} \(UTC\)$/m);
      assert.match(status.stdout, /^Decrypt: 1 envelope refused in the last 5 minutes/m);
    }
    await Deno.remove(`${folder}/local.keys`);
    await createKeyFile(`${folder}/local.keys`);
    await using second = serve(folder, "--config", config);
    await firstKeyId(path, second);
    const early = await waitFor("a sentinel that is refused", async () => {
      const { code, text } = await said(folder, config);
      return code === 503 && text;
    }, soon);
    assert.match(early.value, /^not ready: What this node has sealed cannot be opened again\. .*"local"/);
    assert.deepEqual(await decryptAll(stored), Array(3).fill("key_unknown"));
    // A body of /metrics is served for a second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const { code, text, metrics, status, document } = await said(folder, config);
    assert.equal(code, 503);
    assert.match(text, /^not ready: .*Stored data cannot be read: Decrypts of 3 envelopes were refused/);
    assert.match(text, /^ {2}key_unknown: 3 envelopes since .*"local"/m);
    assert.match(metrics, /^trousseau_decrypts_failing 1$/m);
    assert.equal(status.code, 77);
    assert.match(status.stdout, /^Decrypt: .*Stored data cannot be read: /m);
    assert.deepEqual([document.ready, document.decrypts.failing], [false, true]);
    assert.equal((await second.stop()).code, 0);
  });
});

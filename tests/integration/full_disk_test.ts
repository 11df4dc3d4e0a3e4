/**
 * A state folder that cannot be written: `check` reports it, and a running plugin keeps serving and reports it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { rotateLocalKey } from "../../lib/provider/local/rotate.ts";
import { fullDisk } from "../support/full_disk.ts";
import { mainFile, writeLocalConfig } from "../support/local_plugin.ts";
import { serviceUser, Users } from "../support/other_user.ts";
import { freePort, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const soon = { timeoutMs: 60_000, everyMs: 100 };
const users = await Users.stage();
globalThis.addEventListener("unload", () => Deno.removeSync(users.folder, { recursive: true }));

function trousseau(folder: string, ...words: string[]) {
  const args = ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder}`, mainFile, ...words];
  return { name: `trousseau ${words[0]}`, command: Deno.execPath(), args, cwd: folder };
}

async function names(folder: string): Promise<readonly string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

Deno.test("a full disk shows in status, at /readyz and in the metrics; Encrypt and Decrypt continue", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/state`);
    await using disk = await fullDisk(`${folder}/state`);
    const listen = `127.0.0.1:${freePort()}`;
    const { config, socket } = await writeLocalConfig(folder, { telemetry: { listen }, probe: { interval: "1s" } });
    await using plugin = disk.start(trousseau(folder, "serve", "--config", config));
    const page = async (path: string) => await (await fetch(`http://${listen}${path}`)).text();
    const encrypt = async () => {
      await using client = dialKms(socket);
      const call = { signal: AbortSignal.timeout(4_000) };
      const plaintext = new Uint8Array(32).fill(7);
      const sealed = await client.v2.Encrypt({ plaintext, uid: "test" }, call);
      assert.deepEqual((await client.v2.Decrypt({ ...sealed, uid: "test" }, call)).plaintext, plaintext);
      return sealed.key_id;
    };
    const { value: keyId } = await waitFor("a first Encrypt", encrypt, { ...soon, alive: [plugin] });
    assert.match(await page("/metrics"), /^trousseau_state_folder_writable 1$/m);

    await disk.fill();
    // The next key ID has to be written before it is announced.
    await rotateLocalKey(`${folder}/local.keys`);
    const told = async () => JSON.parse(await page("/status")).stateFolder.writable === false;
    await waitFor("the full disk to show", told, { ...soon, alive: [plugin] });
    const { stateFolder } = JSON.parse(await page("/status"));
    assert.ok(stateFolder.message.includes(disk.why), stateFolder.message);
    const ready = await fetch(`http://${listen}/readyz`);
    assert.equal(ready.status, 200, "a warning: whoever calls is served");
    assert.match(
      await ready.text(),
      /^state folder: Cannot write .*; a new key ID, as after a rotation, is not announced/m,
    );
    // Metrics are rendered once a second.
    const counted = async () => /^trousseau_state_folder_writable 0$/m.test(await page("/metrics"));
    await waitFor("the metric to say so", counted, { ...soon, alive: [plugin] });
    assert.match(await page("/metrics"), /^trousseau_state_folder_failures_total [1-9]/m);
    assert.equal(await encrypt(), keyId, "under the key ID that was announced");
    await plugin.prints(new RegExp(disk.why));

    await using status = disk.start(trousseau(folder, "status", "--config", config));
    await status.exited;
    assert.match(status.output, /^State: {3}Cannot write /m);
    assert.match(status.output, /^Encrypt: ready$/m);
  });
});

Deno.test("check reports a full disk, and leaves no file", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/state`);
    await using disk = await fullDisk(`${folder}/state`);
    const audit = `${folder}/state/audit.log`;
    const { config } = await writeLocalConfig(folder, { telemetry: { listen: "off", audit } });
    await using first = disk.start(trousseau(folder, "check", "--config", config));
    assert.equal((await first.exited).code, 0, first.output);
    assert.deepEqual(await names(`${folder}/state`), []);
    await disk.fill();
    const before = await names(`${folder}/state`);
    await using second = disk.start(trousseau(folder, "check", "--config", config));
    assert.equal((await second.exited).code, 78, second.output);
    assert.ok(second.output.includes(`Cannot write to the state folder ${folder}/state: ${disk.why}; make room`));
    assert.ok(second.output.includes(`Cannot write the audit stream to "${audit}": ${disk.why};`), second.output);
    assert.deepEqual(await names(`${folder}/state`), before);
  });
});

Deno.test("check reports a state folder that its user may not write, and creates none that remains", async () => {
  await inFolder(async (folder) => {
    const { config } = await writeLocalConfig(folder);
    Deno.chmodSync(config, 0o644);
    Deno.chownSync(folder, serviceUser, serviceUser);
    await using first = users.start(serviceUser, folder, "check", "--config", config);
    assert.equal((await first.exited).code, 0, first.output);
    assert.equal((await names(folder)).includes("state"), false, "the state folder was made and taken away again");
    await Deno.mkdir(`${folder}/state`, { mode: 0o755 });
    await using second = users.start(serviceUser, folder, "check", "--config", config);
    assert.equal((await second.exited).code, 78, second.output);
    assert.match(second.output, /Cannot write to the state folder \S+\/state: permission denied; /);
    await Deno.remove(`${folder}/state`);
    Deno.chownSync(folder, 0, 0);
    Deno.chmodSync(folder, 0o755);
    await using third = users.start(serviceUser, folder, "check", "--config", config);
    await third.exited;
    assert.match(
      third.output,
      /The state folder \S+\/state is not there, and this user cannot make it: permission denied/,
    );
  });
});

Deno.test("check tests an existing audit file without write permission to its folder, and does not change it", async () => {
  await inFolder(async (folder) => {
    const audit = `${folder}/logs/audit.log`;
    const { config } = await writeLocalConfig(folder, { telemetry: { listen: "off", audit } });
    Deno.chmodSync(config, 0o644);
    Deno.chownSync(folder, serviceUser, serviceUser);
    await Deno.mkdir(`${folder}/logs`, { mode: 0o755 });
    await Deno.writeTextFile(audit, "a line\n", { mode: 0o600 });
    Deno.chownSync(audit, serviceUser, serviceUser);
    await using first = users.start(serviceUser, folder, "check", "--config", config);
    assert.equal((await first.exited).code, 0, first.output);
    assert.equal(await Deno.readTextFile(audit), "a line\n");
    Deno.chownSync(audit, 0, 0);
    await using second = users.start(serviceUser, folder, "check", "--config", config);
    assert.equal((await second.exited).code, 78, second.output);
    assert.match(second.output, /Cannot write the audit stream to "\S+audit\.log": permission denied; /);
    await Deno.remove(audit);
    await using third = users.start(serviceUser, folder, "check", "--config", config);
    assert.equal((await third.exited).code, 78, third.output);
    assert.match(third.output, /Cannot write the audit stream to "\S+audit\.log": permission denied; /);
  });
});

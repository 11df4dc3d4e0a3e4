/**
 * Files that root has left, used by the service's user: sockets, locks, state and keys.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dialKms } from "../../lib/api/kms/client.ts";
import { writeLocalConfig } from "../support/local_plugin.ts";
import { serviceUser, Users } from "../support/other_user.ts";
import { type Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const soon = { timeoutMs: 30_000, everyMs: 20 };
const users = await Users.stage();
globalThis.addEventListener("unload", () => Deno.removeSync(users.folder, { recursive: true }));

/** Works in a folder of the service's user with a configuration and all of its files. */
async function inServiceFolder(
  act: (place: { folder: string; config: string; socket: string }) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const place = await writeLocalConfig(folder, {
      sops: { socket: { path: `${folder}/sops.sock` } },
      telemetry: { listen: "off", audit: `${folder}/audit.log` },
    });
    Deno.chmodSync(place.config, 0o644);
    Deno.chownSync(folder, serviceUser, serviceUser);
    await act({ folder, ...place });
  });
}

/** Leaves a socket file without a listener, as a crash does. */
function leaveStale(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.bound` });
  Deno.chmodSync(`${path}.bound`, 0o600);
  Deno.renameSync(`${path}.bound`, path);
  listener.close();
}

async function keyId(socket: string, process: Process): Promise<string> {
  const { value } = await waitFor("a key ID", async () => {
    await using client = dialKms(socket);
    return (await client.v2.Status({}, { signal: AbortSignal.timeout(4_000) })).key_id;
  }, { ...soon, alive: [process] });
  return value;
}

function owners(folder: string): Record<string, number | null> {
  const found: Record<string, number | null> = {};
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) Object.assign(found, owners(path));
    else found[name] = Deno.lstatSync(path).uid;
  }
  return found;
}

Deno.test("serve and sops name the owner of a dead socket that they may not connect to, and leave it", async () => {
  await inServiceFolder(async ({ folder, config, socket }) => {
    const commands = [["serve", socket], ["serve", socket, "--takeover"], ["sops", `${folder}/sops.sock`]] as const;
    for (const [command, path, ...words] of commands) {
      leaveStale(path);
      await using refused = users.start(serviceUser, folder, command, ...words, "--config", config);
      assert.equal((await refused.exited).code, 78, refused.output);
      const whose = `it is owned by uid 0 (expected ${serviceUser}, mode 0600)`;
      assert.ok(refused.output.includes(`Cannot serve on "${path}": a socket stands there, ${whose}`), refused.output);
      assert.ok(Deno.lstatSync(path).isSocket);
    }
    // The same user gets a refused connection, which proves that no process serves there.
    Deno.chownSync(socket, serviceUser, serviceUser);
    await using plugin = users.start(serviceUser, folder, "serve", "--config", config);
    await keyId(socket, plugin);
    await plugin.prints(/Replaced a socket file that nobody listened on/);
  });
});

Deno.test("serve names the owner of a lock file that it may not open", async () => {
  await inServiceFolder(async ({ folder, config, socket }) => {
    Deno.writeTextFileSync(`${socket}.lock`, "", { mode: 0o600 });
    await using refused = users.start(serviceUser, folder, "serve", "--config", config);
    assert.equal((await refused.exited).code, 78);
    const whose = `it is owned by uid 0 (expected ${serviceUser}, mode 0600)`;
    assert.ok(refused.output.includes(`Cannot lock "${socket}.lock": ${whose}. Stop the process`), refused.output);
  });
});

Deno.test("serve as root warns, and leaves only files that the folder's owner can use", async () => {
  await inServiceFolder(async ({ folder, config, socket }) => {
    const first = users.start(serviceUser, folder, "serve", "--config", config);
    const announced = await keyId(socket, first);
    assert.equal((await first.stop()).code, 0);
    // A new file in the folder, and one that is replaced.
    for (const path of [`${socket}.lock`, `${folder}/audit.log`]) Deno.removeSync(path);
    Deno.removeSync(`${folder}/state/key-ring.json`);
    const byHand = users.start(0, folder, "serve", "--config", config);
    assert.equal(await keyId(socket, byHand), announced);
    await byHand.prints(new RegExp(`Start it as user ${serviceUser}: this process runs as user 0`));
    await byHand.kill();
    const left = owners(folder);
    for (const name of ["kms.sock", "kms.sock.lock", "key-ring.json", "local.keys", "audit.log"]) {
      assert.equal(left[name], serviceUser, `${name} of ${JSON.stringify(left)}`);
    }
    await using again = users.start(serviceUser, folder, "serve", "--config", config);
    assert.equal(await keyId(socket, again), announced);
  });
});

Deno.test("serve --takeover is refused to users other than the owner of the state folder", async () => {
  await inServiceFolder(async ({ folder, config, socket }) => {
    await using served = users.start(serviceUser, folder, "serve", "--config", config);
    const announced = await keyId(socket, served);
    await using refused = users.start(0, folder, "serve", "--takeover", "--config", config);
    assert.equal((await refused.exited).code, 78, refused.output);
    assert.match(
      refused.output,
      new RegExp(
        `Cannot take over .* runs as user 0, and the state folder .* belongs to user ${serviceUser}; upgrade with`,
      ),
    );
    assert.equal(await keyId(socket, served), announced);
    assert.equal(served.status, undefined);
  });
});

Deno.test("sops --takeover is refused to users other than the owner of the state folder", async () => {
  await inServiceFolder(async ({ folder, config }) => {
    await using served = users.start(serviceUser, folder, "sops", "--config", config);
    await waitFor("it to serve", () => served.output.includes("Serving "), { ...soon, alive: [served] });
    await using refused = users.start(0, folder, "sops", "--takeover", "--config", config);
    assert.equal((await refused.exited).code, 78, refused.output);
    assert.match(refused.output, new RegExp(`runs as user 0, and the state folder .* belongs to user ${serviceUser}`));
    assert.equal(served.status, undefined, served.output);
  });
});

/** Starts `serve` as the service's user, which fails. @returns its error message. */
async function refusal(folder: string, config: string, status = 78): Promise<string> {
  await using refused = users.start(serviceUser, folder, "serve", "--config", config);
  await waitFor("the refusal", () => refused.status !== undefined, { ...soon, alive: [] });
  assert.equal(refused.status?.code, status, refused.output);
  return refused.output;
}

Deno.test("serve names the actual and the expected owner, and chown", async () => {
  await inServiceFolder(async ({ folder, config, socket }) => {
    await using first = users.start(serviceUser, folder, "serve", "--config", config);
    await keyId(socket, first);
    assert.equal((await first.stop()).code, 0);
    const found = (path: string) =>
      `is owned by uid 0 (expected ${serviceUser}, mode 0${path.endsWith("e") ? 7 : 6}00)`;
    for (const path of [`${folder}/state`, `${folder}/state/key-ring.json`, `${folder}/local.keys`]) {
      const { uid, gid } = Deno.statSync(path);
      Deno.chownSync(path, 0, 0);
      const said = await refusal(folder, config);
      assert.ok(said.includes(found(path)), said);
      assert.match(said, new RegExp(`: chown (-R )?${serviceUser} ${path}`));
      Deno.chownSync(path, uid ?? 0, gid ?? 0);
    }
  });
});

Deno.test("serve names the folder of its socket that it may not write to, and its owner", async () => {
  await inServiceFolder(async ({ folder, config }) => {
    Deno.mkdirSync(`${folder}/socket`, { mode: 0o755 });
    Deno.writeTextFileSync(config, Deno.readTextFileSync(config).replace(`${folder}/kms.sock`, `${folder}/socket/k`));
    const said = await refusal(folder, config);
    assert.match(
      said,
      /Cannot lock "[^"]*\/socket\/k\.lock": permission denied; its folder .*\/socket is owned by uid 0/,
    );
    assert.match(said, new RegExp(`\\(expected ${serviceUser}, mode 0755\\): chown -R ${serviceUser} `));
  });
});

Deno.test("serve does not advise to change the owner of a system folder or of a parent of a missing folder", async () => {
  await inServiceFolder(async ({ folder, config }) => {
    const given = Deno.readTextFileSync(config);
    for (
      const [socket, cure] of [
        [
          "/run/no-such.sock",
          /its folder \/run is owned by uid 0 \(.*\): name a path in a folder of this user's own\./,
        ],
        ["/run/no-such/kms.sock", /: install -d -m 0711 -o USER \/run\/no-such\./],
      ] as const
    ) {
      Deno.writeTextFileSync(config, given.replace(`${folder}/kms.sock`, socket));
      const said = await refusal(folder, config);
      assert.match(said, cure);
      assert.doesNotMatch(said, /chown/);
    }
  });
});

Deno.test("serve names the missing group of its user, and the place to add it", async () => {
  await inServiceFolder(async ({ folder, config }) => {
    const given = JSON.parse(Deno.readTextFileSync(config));
    for (
      const [account, said] of [
        [{ group: 64_777 }, /give it to group 64777, which the user is not in; add .*SupplementaryGroups=64777 in the/],
        [{ owner: 64_777 }, /only root may give it to user 64777 \(this is user 64001\); start it as that user/],
      ] as const
    ) {
      Deno.writeTextFileSync(config, JSON.stringify({ ...given, socket: { ...given.socket, ...account } }));
      assert.match(await refusal(folder, config), said);
    }
  });
});

Deno.test("serve warns of a state folder that belongs to root, and names the expected owner", async () => {
  await inServiceFolder(async ({ folder, config, socket }) => {
    Deno.mkdirSync(`${folder}/state`);
    Deno.chmodSync(`${folder}/state`, 0o777);
    await using plugin = users.start(serviceUser, folder, "serve", "--config", config);
    await keyId(socket, plugin);
    const said = `is owned by uid 0 (expected ${serviceUser}): chown -R ${serviceUser} ${folder}/state.`;
    await waitFor("the warning", () => plugin.output.includes(said), { ...soon, alive: [plugin] });
  });
});

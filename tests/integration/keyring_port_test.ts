/**
 * A keyring whose port for the API is in use by another program.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { adminCall } from "../support/admin_call.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

Deno.test("a server is not ready before its port is open, says why, and opens it once it is free", () =>
  inFolder(async (folder) => {
    const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = other.addr as Deno.NetAddr;
    const stage = new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey);
    await stage.configure("a", { store: stage.storeFolder, listen: `127.0.0.1:${port}` });
    await using server = stage.serve();
    const ask = (path: string) => adminCall(`${folder}/admin.sock`, "GET", path);
    const soon = { timeoutMs: 60_000, alive: [server] };
    await waitFor("the reason", async () => /another process listens there/.test(await stage.page("/readyz")), soon);
    match(await stage.page("/readyz"), /^not ready$/m);
    match(await stage.page("/readyz"), new RegExp(`^tls +failed +Cannot listen on 127\\.0\\.0\\.1:${port}: `, "m"));
    equal((await ask("/readyz")).status, 503);
    const health = await stage.clectl("health --wait 1s");
    equal(health.status, 69);
    match(health.out, /^tls +failed/m);
    equal((await ask("/api/v1/list/")).status, 200, "the socket serves meanwhile");

    other.close();
    await stage.ready(server);
    equal((await ask("/readyz")).status, 200);
    const head = await adminCall(`${folder}/admin.sock`, "HEAD", "/livez");
    deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "3"]);
    equal((await stage.clectl("health")).status, 0);
  }));

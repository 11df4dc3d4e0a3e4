import assert from "node:assert/strict";
import { Machine } from "./nspawn.ts";

Deno.test("Machine boots a systemd with its units running, sees a bound folder read-only, and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/word`, "bound");
  let host = "";
  {
    await using machine = await Machine.boot({ binds: { "/opt/bound": folder } });
    assert.equal((await machine.shell("systemctl is-system-running")).trim(), "running");
    assert.equal(await machine.shell("cat /opt/bound/word"), "bound");
    assert.notEqual((await machine.run(["touch", "/opt/bound/other"])).code, 0);
    await machine.shell("echo inside > /etc/kept");
    host = machine.path("/etc/kept");
    assert.equal(await Deno.readTextFile(host), "inside\n");
  }
  await assert.rejects(Deno.stat(host));
  await using next = await Machine.boot();
  assert.notEqual((await next.run(["test", "-e", "/etc/kept"])).code, 0);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Machine.run() ends a command that hangs, with 124", async () => {
  await using machine = await Machine.boot();
  assert.equal((await machine.run(["sleep", "1000"], { seconds: 1 })).code, 124);
  assert.equal((await machine.run(["pgrep", "sleep"])).code, 1, "it still runs");
});

Deno.test("Machine.boot() two at once do not disturb each other", async () => {
  const [first, second] = await Promise.all([Machine.boot(), Machine.boot()]);
  await using one = first;
  await using other = second;
  await one[Symbol.asyncDispose]();
  assert.equal((await other.shell("systemctl is-system-running")).trim(), "running");
});

import assert from "node:assert/strict";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { readKubeconfig } from "./kubeconfig.ts";

const kubeconfig = JSON.stringify({
  "current-context": "a",
  contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
  clusters: [{ name: "a", cluster: { server: "https://127.0.0.1" } }],
  users: [{ name: "a", user: { tokenFile: "token" } }],
});

async function read(folder: string): Promise<string> {
  return await readKubeconfig(`${folder}/config`).then(
    async ({ token }) => `token ${(await token?.read())?.reveal()}`,
    ({ message }) => message,
  );
}

Deno.test("readKubeconfig() refuses a kubeconfig and its files if others may write them, and names each fault", () =>
  inFolder(async (folder) => {
    const token = `${folder}/token`;
    await Deno.writeTextFile(`${folder}/config`, kubeconfig, { mode: 0o600 });
    await Deno.writeTextFile(token, "s.token\n", { mode: 0o600 });
    assert.equal(await read(folder), "token s.token");
    await Deno.chmod(`${folder}/config`, 0o666);
    assert.match(await read(folder), /^Cannot read .*\/config: every user may write it \(mode 0666\); run chmod go-w /);
    await Deno.chmod(`${folder}/config`, 0o600);
    await Deno.chmod(token, 0o602);
    assert.match(await read(folder), /tokenFile: names a file that cannot be read: every user may write it/);
    await Deno.chmod(token, 0o600);
    for (const [bytes, why] of [[[], "it is empty"], [[0xff], "it is binary, not text"]] as const) {
      await Deno.writeFile(token, Uint8Array.from(bytes));
      assert.match(await read(folder), new RegExp(`tokenFile: names a file that cannot be read: ${why}`));
    }
    await Deno.remove(token);
    assert.match(await read(folder), /tokenFile: names a file that cannot be read: there is no such file/);
  }));

Deno.test("readKubeconfig() returns a token file that is read again at each request", () =>
  inFolder(async (folder) => {
    const file = `${folder}/token`;
    await Deno.writeTextFile(`${folder}/config`, kubeconfig, { mode: 0o600 });
    await Deno.writeTextFile(file, "s.first\n", { mode: 0o600 });
    const { token, source } = await readKubeconfig(`${folder}/config`);
    assert.equal(source, `${folder}/config`);
    assert.equal((await token?.read())?.reveal(), "s.first");
    await Deno.writeTextFile(file, "s.second\n");
    assert.equal((await token?.read())?.reveal(), "s.second");
    await Deno.remove(file);
    await assert.rejects(token?.read() ?? Promise.resolve(), { code: "config", message: /there is no such file/ });
  }));

/**
 * Connections that use up the descriptors of the process do not end its listeners.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { Authority } from "../support/certificates.ts";
import { inFolder } from "../support/temporary_folder.ts";

const authority = new Authority();

/** Whether a request is answered within a second. */
function isServed(make: typeof httpRequest | typeof httpsRequest, options: RequestOptions & { readonly ca?: string }) {
  return new Promise<boolean>((resolve) => {
    const request = make({ agent: false, timeout: 1_000, ...options }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
    request.on("close", () => resolve(false));
    request.end();
  });
}

/** Waits until something holds, at most 20 seconds. */
async function within20s(what: string, holds: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + 20_000;
  while (!await holds()) {
    ok(performance.now() < until, what);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

Deno.test("both listeners answer again after connections used up the descriptors of the process", async () => {
  await inFolder(async (folder) => {
    const { key, certificate } = authority.issue({ commonName: "localhost", names: ["localhost"] });
    await Deno.writeTextFile(`${folder}/key.pem`, key);
    await Deno.writeTextFile(`${folder}/chain.pem`, certificate);
    const script = new URL("listening_process.ts", import.meta.url).pathname;
    const config = new URL("../../deno.dev.json", import.meta.url).pathname;
    const args = ["run", "-A", "--no-check", "--config", config, script, folder];
    const process = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    try {
      const output = process.stdout.getReader();
      const port = Number(new TextDecoder().decode((await output.read()).value));
      await output.cancel();
      const isUnixServed = () => isServed(httpRequest, { socketPath: `${folder}/s` });
      const isTlsServed = () => isServed(httpsRequest, { host: "localhost", port, ca: authority.certificate });
      ok(await isUnixServed() && await isTlsServed());
      // Only now: the loading of modules takes more descriptors than the listeners do.
      const limit = new Deno.Command("prlimit", { args: [`--pid=${process.pid}`, "--nofile=100:"] });
      ok((await limit.output()).success, "prlimit sets the limit of the process");
      const connections: Deno.Conn[] = [];
      for (let count = 0; count < 150; count++) {
        connections.push(await Deno.connect({ transport: "unix", path: `${folder}/s` }));
        connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      }
      // The admin socket answers even while they are open.
      await within20s("the Unix socket answers during the shortage", isUnixServed);
      for (const connection of connections) connection.close();
      await within20s("the Unix socket answers after it", isUnixServed);
      await within20s("the TLS port answers after it", isTlsServed);
    } finally {
      process.kill("SIGKILL");
      await process.status;
    }
  });
});

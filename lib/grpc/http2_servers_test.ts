import { deepEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { connect } from "node:http2";
import { connect as dial } from "node:net";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { serverMeeter } from "./http2_servers.ts";

Deno.test("serverMeeter() refuses a server whose connections it cannot see", () => {
  const server = new Server();
  Reflect.set(server, "http2Servers", undefined);
  throws(serverMeeter(server, { connection: () => {}, session: () => {}, headers: () => {} }), /Cannot serve/);
});

Deno.test("serverMeeter() meets each connection once, its socket before its session, and each call", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s");
    const server = new Server();
    const met: string[] = [];
    const session = Promise.withResolvers<void>();
    const meet = serverMeeter(server, {
      connection: () => void met.push("connection"),
      session: () => {
        met.push("session");
        session.resolve();
      },
      headers: (headers) => met.push(`call of ${headers[":path"]}`),
    });
    await new Promise<void>((resolve, reject) => {
      const bound = (error: Error | null) => error === null ? resolve() : reject(error);
      server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), bound);
    });
    meet();
    meet();
    const client = connect("http://localhost", { createConnection: () => dial(path) });
    await session.promise;
    deepEqual(met, ["connection", "session"]);
    const call = client.request({ ":method": "POST", ":path": "/a/b", "content-type": "application/grpc" });
    await new Promise((resolve) => call.on("close", resolve).resume().end());
    deepEqual(met.slice(2), ["call of /a/b"]);
    await new Promise<void>((resolve) => client.close(resolve));
    server.forceShutdown();
  }));

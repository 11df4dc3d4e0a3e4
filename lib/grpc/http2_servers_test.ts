import { deepEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { connect } from "node:http2";
import { connect as dial } from "node:net";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { connectionMeeter } from "./http2_servers.ts";

Deno.test("connectionMeeter() refuses a server whose connections it cannot see", () => {
  const server = new Server();
  Reflect.set(server, "http2Servers", undefined);
  throws(connectionMeeter(server, { connection: () => {}, session: () => {} }), /Cannot serve/);
});

Deno.test("connectionMeeter() meets each connection once, its socket before its session", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s");
    const server = new Server();
    const met: string[] = [];
    const session = Promise.withResolvers<void>();
    const meet = connectionMeeter(server, {
      connection: () => void met.push("connection"),
      session: () => {
        met.push("session");
        session.resolve();
      },
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
    await new Promise<void>((resolve) => client.close(resolve));
    server.forceShutdown();
  }));

import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { writeTogether, type WritingSocket } from "./write_together.ts";

/** A socket that writes down what is asked of it. */
function recording(): { readonly socket: WritingSocket; readonly asked: string[] } {
  const asked: string[] = [];
  const socket = {
    cork: () => void asked.push("cork"),
    uncork: () => void asked.push("uncork"),
    write: (text: string) => {
      asked.push(text);
      return true;
    },
    destroy: () => {
      asked.push("destroy");
      return socket;
    },
  } as unknown as WritingSocket;
  writeTogether(socket);
  return { socket, asked };
}

Deno.test("writeTogether() has what was held sent in one piece", () => {
  const { socket } = recording();
  const sent: string[] = [];
  socket._write = (chunk, encoding, callback) => {
    sent.push(`${encoding} ${chunk}`);
    callback();
  };
  let told = 0;
  const pieces = [Buffer.from("he"), Buffer.from("aders "), "trailers"];
  socket._writev?.(pieces.map((chunk) => ({ chunk, encoding: "utf8" as const })), () => told++);
  deepEqual([sent, told], [["buffer headers trailers"], 1]);
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

Deno.test("writeTogether() holds what is written in one turn, and in the next where more was written", async () => {
  const { socket, asked } = recording();
  socket.write("headers");
  socket.write("message");
  await turn();
  socket.write("trailers");
  deepEqual(asked, ["cork", "headers", "message", "trailers"]);
  await turn();
  equal(asked.at(-1), "uncork");
  socket.write("next");
  deepEqual(asked.slice(-3), ["uncork", "cork", "next"]);
  await turn();
  await turn();
});

Deno.test("writeTogether() lets a lone write go at the end of its turn", async () => {
  const { socket, asked } = recording();
  socket.write("ping");
  await turn();
  deepEqual(asked, ["cork", "ping", "uncork"]);
});

Deno.test("writeTogether() releases what it holds before a connection is cut off, and only once", async () => {
  const { socket, asked } = recording();
  socket.write("goaway");
  socket.destroy();
  await turn();
  await turn();
  deepEqual(asked, ["cork", "goaway", "uncork", "destroy"]);
});

Deno.test("writeTogether() loses and reorders nothing, whatever comes between two writes", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s");
    const server = createServer().listen(path);
    await once(server, "listening");
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const client = connect(path);
    const [socket] = await accepted;
    let received = "";
    client.setEncoding("utf8").on("data", (text: string) => received += text);
    writeTogether(socket);
    let expected = "";
    for (let i = 0; i < 500; i++) {
      const text = `${i} ${"x".repeat(i % 7 === 0 ? 5000 : 3)};`;
      expected += text;
      socket.write(text);
      if (i % 3 === 0) await turn();
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    socket.write("goodbye");
    socket.end();
    await once(client, "end");
    equal(received, expected + "goodbye");
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  }));

import { deepEqual, equal, match } from "node:assert/strict";
import { utf8 } from "../../../base/bytes.ts";
import { systemClock } from "../../../base/clock.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { type AnswerRequest, jsonAnswer } from "./exchange.ts";
import { openUnixListener } from "./unix_listener.ts";

const mib = 1 << 20;

/** Answers with the length of the body, or with the code of its refusal. */
const measure: AnswerRequest = async (request) => {
  if (request.target === "/unread") return jsonAnswer(401, { code: "unauthenticated" });
  try {
    return jsonAnswer(200, { length: (await request.body(mib)).length });
  } catch (thrown) {
    return jsonAnswer(413, { code: thrown instanceof KeyringError ? thrown.code : "other" });
  }
};

/** Sends a head and then, before it reads anything, a body of zeros. @returns all that comes back. */
async function sendFirst(path: string, target: string, head: string, body: readonly Uint8Array[]): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path });
  const parts = [utf8(`POST ${target} HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`), ...body];
  for (const part of parts) {
    for (let at = 0; at < part.length;) at += await connection.write(part.subarray(at));
  }
  let found = "";
  const bytes = new Uint8Array(65_536);
  for (let count; (count = await connection.read(bytes)) !== null;) {
    found += new TextDecoder().decode(bytes.subarray(0, count));
  }
  return found;
}

/** A body in chunks of 1 MiB. */
function chunks(count: number): Uint8Array[] {
  const one = [utf8("100000\r\n"), new Uint8Array(mib), utf8("\r\n")];
  return [...Array.from({ length: count }, () => one).flat(), utf8("0\r\n\r\n")];
}

Deno.test("a client that sends a whole body before it reads gets the answer to one that is refused", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/s.sock`;
    await using _listener = await openUnixListener({
      path,
      mode: 0o600,
      socket: "admin",
      answer: measure,
      clock: systemClock,
      notify: () => {},
    });
    const length = 8 * mib;
    const whole = Array.from({ length: 8 }, () => new Uint8Array(mib));
    for (
      const [target, head, body, status, code] of [
        ["/", `Content-Length: ${length}`, whole, 413, "too_large"],
        ["/", "Transfer-Encoding: chunked", chunks(8), 413, "too_large"],
        ["/unread", `Content-Length: ${length}`, whole, 401, "unauthenticated"],
        ["/unread", "Transfer-Encoding: chunked", chunks(8), 401, "unauthenticated"],
      ] as const
    ) {
      const answer = await sendFirst(path, target, head, body);
      match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), `${target} ${head}`);
      match(answer, /\r\nconnection: close\r\n/i);
      const [, text = ""] = answer.split("\r\n\r\n");
      deepEqual(JSON.parse(text), { code });
    }
    const taken = await sendFirst(path, "/", `Content-Length: ${mib}\r\nConnection: close`, [new Uint8Array(mib)]);
    equal(taken.split("\r\n\r\n")[1], `{"length":${mib}}`);
  });
});

Deno.test("a connection ends if the rest of a refused body does not end", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/s.sock`;
    await using _listener = await openUnixListener({
      path,
      mode: 0o600,
      socket: "admin",
      answer: measure,
      clock: systemClock,
      notify: () => {},
    });
    const endless = Array.from({ length: 200 }, () => new Uint8Array(mib));
    const ended = await sendFirst(path, "/unread", "Content-Length: 1000000000", endless).catch((thrown) =>
      thrown.name
    );
    match(ended, /^(BrokenPipe|ConnectionReset|HTTP\/1\.1 401 [^]*)$/);
  });
});

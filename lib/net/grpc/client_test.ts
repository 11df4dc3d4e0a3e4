import { ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { KmsError } from "../../base/errors.ts";
import { dialKms } from "../../api/kms/client.ts";
import { RpcFailure } from "./status.ts";

const never = new AbortController().signal;

async function statusOf(path: string, signal = never): Promise<unknown> {
  await using client = dialKms(path);
  return await client.v2.Status({}, { signal, timeoutMs: 2000 });
}

function unreachable(sentence: RegExp) {
  return (error: unknown) => {
    ok(error instanceof KmsError && error.code === "unreachable" && error.cause instanceof RpcFailure);
    return sentence.test(error.message);
  };
}

Deno.test("dialKms() reports a missing socket, and one without a listener", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  await rejects(statusOf(path), unreachable(/^Cannot call v2 Status on .*: UNAVAILABLE: there is no such socket\.$/));
  const listener = Deno.listen({ transport: "unix", path: `${path}.bound` });
  Deno.renameSync(`${path}.bound`, path);
  listener.close();
  await rejects(statusOf(path), unreachable(/UNAVAILABLE: nobody listens on the socket\.$/));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("dialKms() makes no call for a signal that has fired", async () => {
  const gone = AbortSignal.abort();
  await rejects(statusOf("/nowhere", gone), { code: "cancelled" });
});

Deno.test("dialKms() times out for a server that accepts the connection and does not answer", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "s");
  using listener = Deno.listen({ transport: "unix", path });
  const silent = listener.accept();
  await using client = dialKms(path);
  await rejects(client.v2.Status({}, { signal: never, timeoutMs: 300 }), { code: "deadline_exceeded" });
  (await silent).close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test({
  name: "dialKms() says that Deno's permissions stand in the way",
  permissions: { read: true, net: true, write: false, env: "inherit" },
  fn() {
    let caught: unknown;
    try {
      dialKms("/elsewhere/kms.sock");
    } catch (error) {
      caught = error;
    }
    ok(caught instanceof KmsError && caught.code === "config" && /put the socket there\.$/.test(caught.message));
  },
});

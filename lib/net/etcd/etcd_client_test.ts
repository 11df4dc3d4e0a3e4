import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import { EtcdClient } from "./etcd_client.ts";
import { etcdErrorOf, isPassing, isUnexecuted } from "./etcd_error.ts";
import { readEtcd, transactEtcd } from "./etcd_kv.ts";
import { grantLease, renewLease } from "./etcd_lease.ts";
import { etcdSnapshot, etcdStatus } from "./etcd_maintenance.ts";
import { watchEtcd } from "./etcd_watch.ts";
import { freePort } from "../../../tests/support/processes.ts";

/** Ten times as fast as the system's, for a member that is silent: the deadline of an attempt is 300 ms. */
const hasty: Clock = {
  ...systemClock,
  after: (ms, fire) => systemClock.after(ms / 10, fire),
  sleep: (ms, signal) => systemClock.sleep(ms / 10, signal),
};

const { signal } = new AbortController();
const call = { signal, action: "read the store", repeatable: true } as const;
const key = Uint8Array.of(1);

/** A server that answers each connection with bytes, after a time, or never. */
function fault(answer: string | undefined, waitMs = 0): { readonly endpoint: string; calls: number } & Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  const state = { endpoint: `http://127.0.0.1:${listener.addr.port}`, calls: 0 };
  const serve = async (connection: Deno.Conn) => {
    connections.add(connection);
    await connection.read(new Uint8Array(65_536));
    state.calls++;
    if (answer === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    await connection.write(new TextEncoder().encode(answer));
    connection.close();
    connections.delete(connection);
  };
  (async () => {
    for await (const connection of listener) serve(connection).catch(() => {});
  })().catch(() => {});
  return Object.assign(state, {
    [Symbol.dispose]() {
      listener.close();
      connections.forEach((connection) => connection.close());
    },
  });
}

const http = (body: string, status = "200 OK", length = body.length) =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;

const openBy = (clock: Clock, endpoints: readonly string[]) => EtcdClient.open({ endpoints, tls: {} }, clock, () => {});

const open = (...endpoints: readonly string[]) => openBy(systemClock, endpoints);

/** A client that does not wait long for an answer that is never sent. */
const openFor = (answer: string | undefined, endpoint: string) =>
  openBy(answer === undefined ? hasty : systemClock, [endpoint]);

async function refuses(answer: string | undefined, message: RegExp, code: string): Promise<void> {
  using server = fault(answer);
  using client = await openFor(answer, server.endpoint);
  await assert.rejects(readEtcd(client, { key }, call), (error: KmsError) => {
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return error instanceof KmsError;
  });
}

const good = http(
  '{"header":{"cluster_id":"14841639068965178418","revision":"7"},"kvs":[{"key":"AQ==","mod_revision":"6","value":"Ag=="}]}',
);

Deno.test("ask() names a server that refuses, hangs, breaks off, or answers what is not etcd's", async () => {
  using client = await open(`http://127.0.0.1:${freePort()}`);
  await assert.rejects(readEtcd(client, { key }, call), {
    code: "unreachable",
    message: /^Cannot read the store: etcd at http:\/\/127\.0\.0\.1:\d+ refused the connection\.$/,
  });
  await refuses(
    undefined,
    /^Cannot read the store: etcd at http:\S+ did not answer within 0\.\d s\.$/,
    "deadline_exceeded",
  );
  await refuses(good.slice(0, -20), /closed the connection in the middle of an answer\.$/, "unreachable");
  await refuses("\x15\x03\x01\x00\x02\x02\x28", /speaks TLS on this port; write https:\/\/\.$/, "unreachable");
  const strange = [
    http("<html>"),
    http("[]"),
    http("7"),
    http('{"header":{}}'),
    http("{}"),
    http("no", "500 No"),
    http("{}", "404 No"),
  ];
  const rows = ['"kvs":7', '"kvs":[7]', '"kvs":[{"key":"A","mod_revision":"1"}]', '"kvs":[{"key":"AQ=="}]', '"more":7']
    .map((part) => http(`{"header":{"revision":"1"},${part}}`));
  const numbers = ['"-1"', '"1e3"', "1.5", '"99999999999999999"', "{}"].map((one) =>
    http(`{"header":{"revision":${one}}}`)
  );
  for (const answer of [...strange, ...rows, ...numbers]) {
    await refuses(
      answer,
      /^Cannot read the store: etcd.* answered (\d{3}, which|what) is no answer of etcd's\.$/,
      "provider_protocol",
    );
  }
});

Deno.test("ask() says what etcd's errors mean, and repeats no text that it does not know", async () => {
  const error = (text: string) => http(JSON.stringify({ error: text, code: 14 }), "503 Unavailable");
  await refuses(
    error("etcdserver: no leader"),
    /refuses: the cluster has no leader; look at its members/,
    "unreachable",
  );
  await refuses(error("etcdserver: mvcc: database space exceeded"), /compact and defragment it/, "key_unusable");
  await refuses(
    error("secret"),
    /refuses: it gives a reason that Trousseau does not know \(code 14\)\.$/,
    "unreachable",
  );
});

Deno.test("ask() goes on with the next member after a failure, and stays there", async () => {
  using hung = fault(undefined);
  using works = fault(good);
  using client = await open(hung.endpoint, works.endpoint);
  for (let count = 0; count < 3; count++) {
    assert.deepEqual(await readEtcd(client, { key }, call), {
      cluster: "14841639068965178418",
      revision: 7,
      rows: [{ key, value: Uint8Array.of(2), modRevision: 6 }],
      more: false,
    });
  }
  assert.deepEqual([hung.calls, works.calls], [1, 3]);
});

Deno.test("ask() sends a request once that must not be repeated, and the next one to another member", async () => {
  using broken = fault(good.slice(0, -1));
  using works = fault(good);
  using client = await open(broken.endpoint, works.endpoint);
  const once = { ...call, repeatable: false };
  await assert.rejects(readEtcd(client, { key }, once), { code: "unreachable" });
  assert.equal((await readEtcd(client, { key }, once)).revision, 7);
  assert.deepEqual([broken.calls, works.calls], [1, 1]);
});

Deno.test("ask() waits for a slow answer, and ends at the signal of the call", async () => {
  using slow = fault(good, 150);
  using client = await open(slow.endpoint);
  assert.equal((await readEtcd(client, { key }, call)).revision, 7);
  const aborted = readEtcd(client, { key }, { ...call, signal: AbortSignal.timeout(20) });
  await assert.rejects(aborted, {
    code: "deadline_exceeded",
    message: /^Cannot read the store: etcd at \S+ did not answer within/,
  });
  await assert.rejects(readEtcd(client, { key }, { ...call, signal: AbortSignal.abort() }), { code: "cancelled" });
});

Deno.test("other answers are refused if they are not in the form of etcd's API", async () => {
  const calls = [
    (client: EtcdClient) => transactEtcd(client, { compare: [], success: [{ delete: key }], failure: [] }, call),
    (client: EtcdClient) => grantLease(client, 1, call),
    (client: EtcdClient) => etcdStatus(client, call),
    (client: EtcdClient) => renewLease(client, "1", call),
    (client: EtcdClient) => Array.fromAsync(etcdSnapshot(client, call)),
    (client: EtcdClient) => Array.fromAsync(watchEtcd(client, { key, end: key, from: 2 }, call)),
  ];
  const answers = [
    '{"header":{"revision":"1"},"succeeded":true}',
    '{"ID":"x"}',
    '{"version":"<b>","header":{"revision":"1"}}',
    '{"result":{"TTL":"-1"}}',
    '{"result":{"remaining_bytes":"5","blob":"AA=="}}',
    '{"result":{"events":[{"kv":{"key":"AQ==","mod_revision":"1"}}]}}',
  ];
  for (const [index, run] of calls.entries()) {
    for (const answer of [answers[index] ?? "", "nothing\n", '{"result":7}\n{"result":{"canceled":7}}', ""]) {
      using server = fault(http(answer));
      using client = await open(server.endpoint);
      await assert.rejects(run(client), { code: "provider_protocol" }, `${index} ${answer}`);
    }
  }
});

Deno.test("a stream ends with an error when the member is silent, breaks off, ends it, or refuses it", async () => {
  const watch = async (answer: string | undefined, expected: { code: string; message: RegExp }) => {
    using server = fault(answer);
    using client = await openFor(answer, server.endpoint);
    await assert.rejects(Array.fromAsync(watchEtcd(client, { key, end: key, from: 2 }, call)), expected);
  };
  const created = '{"result":{"created":true}}\n';
  await watch(undefined, { code: "deadline_exceeded", message: /did not answer within/ });
  await watch(http(created, "200 OK", 100), { code: "unreachable", message: /in the middle of an answer/ });
  await watch(http(created), { code: "provider_protocol", message: /no answer of etcd's/ });
  const cancelled = (more: string) => http(`${created}{"result":{"canceled":true${more}}}\n`);
  await watch(cancelled(""), { code: "unreachable", message: /it has ended the watch\.$/ });
  await watch(cancelled(',"cancel_reason":"etcdserver: permission denied"'), {
    code: "permission_denied",
    message: /no right/,
  });
  await watch(cancelled(',"compact_revision":"9"'), { code: "key_unknown", message: /has been compacted\.$/ });
  await watch(http('{"error":{"grpc_code":14,"message":"etcdserver: no leader"}}\n'), {
    code: "unreachable",
    message: /no leader/,
  });
  await watch(http('{"error":"etcdserver: no leader","code":14}', "503 No"), {
    code: "unreachable",
    message: /no leader/,
  });
});

Deno.test("isUnexecuted() is true only if the request cannot have been executed", () => {
  const etcd = (text: string) => etcdErrorOf("write", "etcd", 503, { error: text });
  for (const text of ["etcdserver: permission denied", "etcdserver: too many requests"]) {
    assert.ok(isUnexecuted(etcd(text)));
  }
  for (const text of ["etcdserver: request timed out", "etcdserver: leader changed", "new"]) {
    assert.ok(!isUnexecuted(etcd(text)));
  }
  const refused = Object.assign(new Error(), { code: "ECONNREFUSED" });
  const reset = Object.assign(new Error(), { code: "ECONNRESET" });
  assert.ok(isUnexecuted(new KmsError("unreachable", "", { cause: refused })));
  assert.ok(!isUnexecuted(new KmsError("unreachable", "", { cause: reset })));
  assert.ok(!isUnexecuted(new KmsError("deadline_exceeded", "")));
  assert.ok(isPassing(etcd("etcdserver: too many requests")) && !isPassing(etcd("etcdserver: permission denied")));
});

/** Answers one request, executes the next one without an answer, and is gone. */
function leavingServer(): { readonly endpoint: string; readonly received: string[] } & Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const received: string[] = [];
  const serve = async (connection: Deno.Conn) => {
    for (const body of ['{"header":{"revision":"7"}}', undefined]) {
      const bytes = new Uint8Array(65_536);
      received.push(new TextDecoder().decode(bytes.subarray(0, await connection.read(bytes) ?? 0)));
      if (body === undefined) break;
      const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
      await connection.write(new TextEncoder().encode(head + body));
    }
    listener.close();
    connection.close();
  };
  const serving = listener.accept().then(serve);
  return {
    endpoint: `http://127.0.0.1:${listener.addr.port}`,
    received,
    [Symbol.dispose]: () => void serving,
  };
}

Deno.test("isUnexecuted() is false if the first copy of a request that was sent twice may have been executed", async () => {
  using server = leavingServer();
  using client = await open(server.endpoint);
  const once = { ...call, repeatable: false };
  await readEtcd(client, { key }, once);
  // The kept connection is idle for the second request.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await assert.rejects(
    transactEtcd(client, { compare: [], success: [{ delete: key }], failure: [] }, once),
    (error: KmsError) => {
      assert.match(error.message, /^Cannot read the store: etcd at http:.* refused the connection\.$/);
      assert.deepEqual([isPassing(error), isUnexecuted(error)], [true, false]);
      return true;
    },
  );
  assert.match(server.received[1] ?? "", /^POST \/v3\/kv\/txn /);
  await assert.rejects(readEtcd(client, { key }, once), (error: KmsError) => isUnexecuted(error));
});

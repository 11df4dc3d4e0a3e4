import { deepEqual, match } from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Authority } from "../../../../tests/support/certificates.ts";
import { writeHost } from "../../../../tests/support/host_folder.ts";
import { apiServerOfWords } from "../../../config/apiserver/api_server.ts";
import { hostFiles } from "../../../config/apiserver/host_files.ts";
import { clockAheadOf } from "../../../provider/clock_ahead.ts";
import { apiServerClock } from "./node_clock.ts";

/** An API server whose clock is ahead, and which refuses every request. */
async function serveAhead(authority: Authority, aheadMs: number | undefined) {
  const { certificate: cert, key } = authority.issue({ commonName: "kube-apiserver", names: ["kubernetes"] });
  const server = createServer({ cert, key }, (_request, response) => {
    if (aheadMs === undefined) response.sendDate = false;
    else response.setHeader("date", new Date(Date.now() + aheadMs).toUTCString());
    response.writeHead(401).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

const signal = new AbortController().signal;

/** The finding about a clock. @param trusted the authority in the file of the flag. */
async function foundAhead(aheadMs: number | undefined, trusted?: Authority) {
  const authority = new Authority();
  await using server = await serveAhead(authority, aheadMs);
  await using host = await writeHost({ "/ca.crt": (trusted ?? authority).certificate });
  const start = apiServerOfWords("args", `--secure-port=${server.port} --client-ca-file=/ca.crt`);
  const [one, ...more] = await apiServerClock(start, hostFiles(host.root), signal);
  deepEqual(more, []);
  return one;
}

Deno.test("apiServerClock() compares the clocks, in either direction", async () => {
  deepEqual((await foundAhead(0))?.id, "clock-apiserver");
  match(
    (await foundAhead(600_000))?.sentence ?? "",
    /^The clock of this node is (599|600|601) s behind that of kube-apiserver/,
  );
  match(
    (await foundAhead(-600_000))?.sentence ?? "",
    /^The clock of this node is (599|600|601) s ahead of that of kube-/,
  );
});

Deno.test("apiServerClock() tells that it is unknown: no header, another authority, nobody there", async () => {
  deepEqual((await foundAhead(undefined))?.id, "clock-apiserver-unknown");
  deepEqual((await foundAhead(0, new Authority()))?.id, "clock-apiserver-unknown");
  await using host = await writeHost({});
  const none = await apiServerClock(apiServerOfWords("args", "--secure-port=1"), hostFiles(host.root), signal);
  deepEqual(none.map(({ id }) => id), ["clock-apiserver-unknown"]);
  deepEqual(await apiServerClock(undefined, hostFiles(host.root), signal), []);
});

Deno.test("clockAheadOf() takes no header that is malformed, and no call that was slow", () => {
  const date = new Date().toUTCString();
  deepEqual([clockAheadOf(undefined, Date.now()), clockAheadOf("noon", Date.now())], [undefined, undefined]);
  deepEqual(clockAheadOf(date, Date.now() - 60_000), undefined);
});

/**
 * The suite of the HTTP/2 server on the runtime's own, `node:http2`, beside the same suite on `lib/http2`. It holds what
 * fails on the runtime today; `docs/dependencies.md` says what follows from a list that has become empty.
 *
 * @module
 */
import { deepEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { serverProgram } from "../e2e/servers.ts";
import { Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { h2specSections, maxRuns, runSections } from "./h2spec_sections.ts";
import { runFile } from "./suite.ts";

const files = [
  "lib/net/grpc/server_test.ts",
  "lib/net/grpc/server_faults_test.ts",
  "lib/net/grpc/deno_http2_workaround_test.ts",
] as const;

/** Tests of these files that fail on the runtime's HTTP/2, with Deno 2.9.6. */
const failing: readonly string[] = [
  // A graceful close resets the streams that are under way.
  "RpcServer.shutdown() answers calls made before the client received GOAWAY, and no later ones",
  "RpcServer.shutdown() cancels calls that have not ended by the deadline",
  "Listener.close() waits for its calls, and RpcServer.shutdown() waits at most its time for it",
  // There is no limit to the unfinished requests that one connection makes the server hold.
  "rpcServer() limits the memory of a connection's incomplete requests, and answers others meanwhile",
  // The connection ends after a thousand cancelled calls.
  "rpcServer() keeps a connection on which the client cancels any number of calls, as in an outage",
];

/** Rows of h2spec, in strict mode, that do not hold. */
const failingRows: readonly string[] = [
  "Sends a DATA frame",
  "Sends a DATA frame after sending RST_STREAM frame",
  "Sends a HEADERS frame",
  "Sends a HEADERS frame after sending RST_STREAM frame",
  "Sends a PING frame with ACK",
  "Sends a PRIORITY frame with 0x0 stream identifier",
  "Sends PRIORITY frame that depend on itself",
  "Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream",
  "Sends stream identifier that is numerically smaller than previous",
];

/** Rows that hold in most runs: the runtime closes the connection, in a few before its GOAWAY frame has arrived. */
const varyingRows: ReadonlySet<string> = new Set([
  "Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1",
]);

/** The names of {@linkcode failing} that no file has run yet: a renamed test must not fall out of the list unseen. */
const notSeen = new Set(failing);

const changed = "the runtime's HTTP/2 has changed: update the list, and read the condition in docs/dependencies.md";

for (const file of files) {
  Deno.test(`${file} passes on our HTTP/2, and on the runtime's but for what is listed`, (test) =>
    inFolder(async (folder) => {
      const ours = await runFile(file, "ours", folder);
      ok(ours.passed.length > 0, ours.ended ?? "no test passed");
      deepEqual(ours.failed, []);
      for (const name of ours.passed) notSeen.delete(name);
      const failed: string[] = [];
      let crashes = 0;
      for (const name of ours.passed) {
        let outcome = await runFile(file, "theirs", folder, name);
        // A crash of the runtime says nothing about a test that passes in the next run.
        for (let runs = 1; outcome.ended?.startsWith("SIG") && runs < maxRuns; runs++) {
          crashes++;
          outcome = await runFile(file, "theirs", folder, name);
        }
        if (!outcome.passed.includes(name)) failed.push(name);
      }
      await test.step(`the runtime crashed in ${crashes} runs, which were repeated`, () => {});
      deepEqual(failed.toSorted(), failing.filter((name) => ours.passed.includes(name)).toSorted(), changed);
    }));
}

Deno.test("each test that the runtime's HTTP/2 fails is in the suite", () => deepEqual([...notSeen], []));

Deno.test("h2spec passes on the runtime's HTTP/2 but for the rows that are listed", (test) =>
  inFolder(async (folder) => {
    const program = await serverProgram("h2spec");
    const { outputs, earlyEnds } = await runSections(
      h2specSections,
      () => startServer(folder),
      async (section, server) => {
        const port = await portOf(server);
        // No port: the server ended before it listened, which counts as an early end.
        if (port === undefined) return "";
        const args = ["--strict", "--timeout", "4", "--host", "127.0.0.1", "--port", port, section];
        return (await run(program, args)).stdout;
      },
    );
    await test.step(`the runtime ended the server process early in ${earlyEnds.length} runs of sections`, () => {});
    const report = [...outputs.map((output) => output.slice(-4000)), ...earlyEnds].join("\n");
    const tests = outputs.map((output) => Number(/(\d+) tests, /.exec(output)?.[1] ?? 0));
    ok(tests.reduce((sum, one) => sum + one, 0) >= 146, report);
    const failed = [...new Set(outputs.flatMap(failedRows))].filter((row) => !varyingRows.has(row));
    deepEqual(failed.toSorted(), failingRows.toSorted(), `${changed}\n${report}`);
  }));

function startServer(folder: string): Process {
  const program = join(import.meta.dirname ?? "", "h2spec_server.ts");
  const socket = join(folder, crypto.randomUUID().slice(0, 8));
  return new Process({
    name: "the server",
    command: Deno.execPath(),
    args: ["run", "-A", "--no-check", program, socket],
  });
}

/** The port that the server prints; `undefined` if it has ended without one. */
async function portOf(server: Process): Promise<string | undefined> {
  const printed = () => /^\d+$/m.exec(server.output)?.[0];
  await waitFor("its port", () => printed() ?? server.status !== undefined, { timeoutMs: 60_000 });
  return printed();
}

/** The titles of the failed rows in the output of h2spec. */
function failedRows(output: string): string[] {
  const rows = output.matchAll(/×(?: \d+:)?(?: [a-z()-]+( \([a-z]+\))?:)? (Sends .*)$/gm);
  return [...rows].map(([, , row = ""]) => row.trim());
}

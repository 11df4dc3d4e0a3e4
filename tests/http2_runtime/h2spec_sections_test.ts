import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { Process, waitFor } from "../support/processes.ts";
import { maxRuns, runSections } from "./h2spec_sections.ts";

/** A process that runs until a signal ends it. */
const start = () =>
  new Process({ name: "the server", command: "/bin/sh", args: ["-c", "echo started; exec sleep 60"] });

/** Ends a process as a crash does, after its output has arrived. */
async function crash(server: Process): Promise<void> {
  await waitFor("its output", () => server.output !== "", { timeoutMs: 20_000, everyMs: 5 });
  server.signal("SIGABRT");
  // Linux ends a process by SIGTERM when that signal is sent before a pending SIGABRT has been delivered.
  await server.exited;
}

Deno.test("runSections() discards the output of a run whose server ended early, and repeats only this section", async () => {
  const runs: string[] = [];
  const { outputs, earlyEnds } = await runSections(["a", "b"], start, async (section, server) => {
    runs.push(section);
    if (runs.length === 2) await crash(server);
    return `${section} ${runs.length}`;
  });
  deepEqual([runs, outputs], [["a", "b", "b"], ["a 1", "b 3"]]);
  equal(earlyEnds.length, 1);
  match(earlyEnds[0] ?? "", /^b: the server ended early \(SIGABRT\)\. the server printed last:\nstarted/);
});

Deno.test("runSections() takes an end with an exit status for an early one", async () => {
  const scripts = ["exit 7", "exec sleep 60"];
  const next = () => new Process({ name: "the server", command: "/bin/sh", args: ["-c", scripts.shift() ?? ""] });
  const { outputs, earlyEnds } = await runSections(["a"], next, async (_section, server) => {
    if (scripts.length === 1) await server.exited;
    return `${scripts.length}`;
  });
  deepEqual([outputs, earlyEnds.length], [["0"], 1]);
  match(earlyEnds[0] ?? "", /exit status 7/);
});

Deno.test("runSections() gives up after a bounded number of runs and shows what the servers printed", async () => {
  let runs = 0;
  const failed = runSections(["a", "b"], start, async (section, server) => {
    equal(section, "a");
    runs++;
    await crash(server);
    return "";
  });
  await rejects(
    failed,
    /a: the server ended early in 4 of 4 runs\.\n(a: the server ended early \(SIGABRT\)[^]*started[^]*){4}/,
  );
  equal(runs, maxRuns);
});

/**
 * The rule file of Prometheus, as its own `promtool` reads and evaluates it.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { run } from "../support/processes.ts";

const folder = new URL("../../deploy/prometheus/", import.meta.url);

async function promtool(...args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run("promtool", args, { cwd: folder.pathname });
  equal(code, 0, `${stdout}${stderr}`);
}

Deno.test("promtool accepts rules.yaml", () => promtool("check", "rules", "rules.yaml"));

Deno.test("promtool finds each alert silent and firing where the cases say so", async () => {
  await promtool("test", "rules", "rules_cases.yaml", "rules_cases_days.yaml", "rules_cases_keyring.yaml");
});

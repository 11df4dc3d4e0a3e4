import { deepEqual, equal, match } from "node:assert/strict";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { PluginDouble } from "../../tests/support/plugin_double.ts";
import { criteria } from "../conformance/criteria.ts";
import { commands } from "./commands.ts";
import { run } from "./run.ts";

async function tried(...words: string[]) {
  const terminal = fakeTerminal();
  const status = await run(["conformance", ...words], commands, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

Deno.test("conformance() exits 0 where all holds, and prints a row for each criterion", async () => {
  await using plugin = await PluginDouble.start();
  const { status, out } = await tried(`unix://${plugin.socket}`);
  equal(status, 0, out);
  match(out, /^API +RESULT +CRITERION +DETAIL\n/);
  match(out, /^v2 +must +holds +a seed of 32 bytes comes back +32 bytes$/m);
  match(out, /^v2 +must +untried +a new key version is a new key_id +its key would have to be rotated$/m);
  match(out, /\n\n\d+ of \d+ hold; 3 could not be tried\.\n$/);
  equal(out.split("\n").length, Object.keys(criteria).length + 4);
});

Deno.test("conformance() exits 1 where something does not hold, and says how much of it is a must", async () => {
  await using plugin = await PluginDouble.start();
  plugin.knowsCodes = false;
  plugin.overrides["v2 Status"] = (_, sound) => ({ ...sound(), version: "v1\u001b[2J" });
  const { status, out } = await tried(plugin.socket);
  equal(status, 1);
  match(out, /^v2 +must +fails +Status says version .* +its version must be v2 or v2beta1$/m);
  match(out, /^v2 +should +fails +what is refused is refused by a code, .* by UNKNOWN$/m);
  match(out, /\n\n\d+ of \d+ hold, 3 do not \(1 of them is a must\); 3 could not be tried\.\n$/);
});

Deno.test("conformance(--json) hands scripts the same", async () => {
  await using plugin = await PluginDouble.start();
  plugin.servesV1beta1 = false;
  plugin.fault = { kind: "unwell", healthz: "sealed" };
  const { status, out } = await tried("--json", plugin.socket);
  equal(status, 1);
  const found = JSON.parse(out);
  deepEqual([found.socket, found.ok, found.holds + found.fails + found.untried], [
    plugin.socket,
    false,
    found.criteria.length,
  ]);
  const well = found.criteria.find(({ criterion }: { criterion: string }) =>
    criterion === "Status says that it is well"
  );
  deepEqual(well, {
    criterion: "Status says that it is well",
    api: "v2",
    weight: "must",
    result: "fails",
    detail: "it says: sealed",
  });
});

Deno.test("conformance() exits 69 where nobody is, 70 where no KMS plugin is, 64 without a socket", async () => {
  const away = await tried("unix:///run/nowhere/kms.sock");
  deepEqual([away.status, away.out], [69, ""]);
  match(away.err, /there is no such socket\.$/m);
  await using plugin = await PluginDouble.start();
  plugin.fault = { kind: "status", code: 12 };
  equal((await tried(plugin.socket)).status, 70);
  equal((await tried()).status, 64);
  equal((await tried("unix://run/kms.sock")).status, 64);
});

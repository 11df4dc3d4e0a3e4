import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { PluginDouble } from "../../../tests/support/plugin_double.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { criteria } from "../../conformance/criteria.ts";
import { trousseau } from "./program.ts";
import { run } from "../run.ts";

async function tried(...words: string[]) {
  const terminal = fakeTerminal();
  const status = await run(["conformance", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

Deno.test("conformance() exits 0 if all criteria hold, and prints a row for each criterion", async () => {
  await using plugin = await PluginDouble.start();
  const { status, out } = await tried(`unix://${plugin.socket}`);
  equal(status, 0, out);
  match(out, /^API +RESULT +CRITERION +DETAIL\n/);
  match(out, /^v2 +must +holds +a seed of 32 bytes comes back +32 bytes$/m);
  match(out, /^v2 +must +untried +a new key version is a new key_id +its key would have to be rotated$/m);
  match(out, /\n\n\d+ of \d+ hold; 3 could not be tried\.\n$/);
  equal(out.split("\n").length, Object.keys(criteria).length + 4);
});

Deno.test("conformance() exits 1 if a criterion does not hold, and reports the number of required ones", async () => {
  await using plugin = await PluginDouble.start();
  plugin.knowsCodes = false;
  plugin.overrides["v2 Status"] = (_, sound) => ({ ...sound(), version: "v1\u001b[2J" });
  const { status, out } = await tried(plugin.socket);
  equal(status, 1);
  match(out, /^v2 +must +fails +Status says version .* +its version must be v2 or v2beta1$/m);
  match(out, /^v2 +should +fails +what is refused is refused by a code, .* by UNKNOWN$/m);
  match(out, /\n\n\d+ of \d+ hold, 3 do not \(1 of them is a must\); 3 could not be tried\.\n$/);
});

Deno.test("conformance(--json) prints the same as JSON", async () => {
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

Deno.test("conformance() exits 69 without a server, 70 if it is not a KMS plugin, 64 without a socket", async () => {
  const away = await tried("unix:///run/nowhere/kms.sock");
  deepEqual([away.status, away.out], [69, ""]);
  match(away.err, /there is no such socket\.$/m);
  await using plugin = await PluginDouble.start();
  plugin.fault = { kind: "status", code: 12 };
  equal((await tried(plugin.socket)).status, 70);
  equal((await tried()).status, 64);
  equal((await tried("unix://run/kms.sock")).status, 64);
});

Deno.test("conformance(--junit FILE) writes a new file in addition to the table, with a case for each criterion", () =>
  inFolder(async (folder) => {
    await using plugin = await PluginDouble.start();
    plugin.knowsCodes = false;
    const file = `${folder}/conformance.xml`;
    const { status, out } = await tried("--junit", file, plugin.socket);
    equal(status, 1);
    match(out, /^API +RESULT/);
    const xml = await Deno.readTextFile(file);
    equal(xml.match(/<testcase /g)?.length, Object.keys(criteria).length);
    match(xml, /<skipped message="its key would have to be rotated"\/>/);
    match(xml, /<failure type="should" message="[^"]*by UNKNOWN"\/>/);
    const times = [...xml.matchAll(/<testcase [^>]* time="([0-9.]+)"/g)].map(([, time]) => Number(time));
    ok(times.some((time) => time > 0) && times.every((time) => time < 60), times.join());
    const again = await tried("--junit", file, plugin.socket);
    deepEqual([again.status, again.out], [78, ""], "before anything is tried");
    match(again.err, /conformance\.xml: it is there already\.$/m);
    equal(await Deno.readTextFile(file), xml);
  }));

Deno.test("conformance(--junit -) prints only XML on stdout, and the table on stderr", async () => {
  await using plugin = await PluginDouble.start();
  const { status, out, err } = await tried("--junit", "-", plugin.socket);
  equal(status, 0);
  match(out, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites [^]*<\/testsuites>\n$/);
  // On a busy machine a line of progress comes first.
  match(err, /^API +RESULT[^]* hold; /m);
});

Deno.test("conformance(--junit FILE) leaves no file if nothing could be tested", () =>
  inFolder(async (folder) => {
    equal((await tried("--junit", `${folder}/a.xml`, "/run/nowhere/kms.sock")).status, 69);
    deepEqual([...Deno.readDirSync(folder)], []);
  }));

import { deepEqual, equal, match } from "node:assert/strict";
import { runClectl } from "../../../tests/support/clectl_terminal.ts";
import { answerJson, KeyringDouble } from "../../../tests/support/keyring_double.ts";
import { clectl } from "./program.ts";

Deno.test("a usage error of each command shows its own usage with an example, and ends with 64", async () => {
  for (const { name, examples } of clectl.commands) {
    const end = await runClectl([...name.split(" "), "--nonsense"]);
    deepEqual([end.status, end.out], [64, ""], name);
    const [first = "", usage = "", example = "", help = ""] = end.err.split("\n");
    match(first, /^clectl: .*--nonsense/);
    equal(usage.startsWith(`Usage: clectl ${name} `), true, usage);
    equal(example, `Example: ${examples[0]?.line}`);
    equal(help, `Run "clectl help ${name}" to see what there is.`);
  }
});

for (
  const [line, sentence, usage] of [
    ["create db/x --field a --stdin --labels a", /NAME=VALUE/, "create PATH"],
    ["get db/x --at one", /whole number/, "get PATH…"],
    ["get db/x --feild a", /Did you mean "?--field/, "get PATH…"],
    ["generate a -f b --type pasword", /Did you mean "?password/, "generate PATH"],
    ["generate a -f b --classes lowrcase=1", /Did you mean "?lowercase/, "generate PATH"],
    ["contxt list", /Did you mean "context/, "COMMAND"],
    ["context lst", /Did you mean "list/, "context COMMAND"],
    ["context", /wants one more word/, "context COMMAND"],
    ["can raed db/x", /Did you mean "read/, "can VERB PATH"],
    ["policy gte", /Did you mean "get/, "policy COMMAND"],
    ["-x get db/x", /-x/, "get PATH…"],
    ["import a.csv --format cvs", /Did you mean "csv/, "import FILE"],
    ["completions bsh", /Did you mean "bash/, "completions bash|zsh|fish"],
  ] as const
) {
  Deno.test(`clectl ${line} names the nearest word, and shows the usage`, async () => {
    const end = await runClectl(line.split(" "));
    equal(end.status, 64);
    match(end.err, sentence);
    equal(end.err.includes(`\nUsage: clectl ${usage} [OPTIONS]\nExample: `), true, end.err);
  });
}

Deno.test("/ is the root for list, watch, export and can", async () => {
  await using double = await KeyringDouble.start(({ url }, response) => {
    answerJson(response, url.includes("/can?") ? { allowed: true } : { entries: [], more: false });
  });
  const variables = { CLECTL_ADDRESS: double.address };
  for (const line of ["list /", "list", "export /", "can read /"]) {
    const end = await runClectl(line.split(" "), { variables });
    equal(end.status, 0, end.err);
  }
  const list = "/api/v1/list/";
  deepEqual(double.requests.map(({ url }) => url), [list, list, list, "/api/v1/can?verb=read&path="]);
});

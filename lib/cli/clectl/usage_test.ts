import { deepEqual, equal, match } from "node:assert/strict";
import { runClectl } from "../../../tests/support/clectl_terminal.ts";
import { answerJson, KeyringDouble } from "../../../tests/support/keyring_double.ts";
import { clectl } from "./program.ts";
import { withoutHelp } from "../../../tests/support/help_line.ts";

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

for (
  const [line, sentence] of [
    ["token create job --role r --ttl 900d", /--ttl takes 1m to 90d\./],
    ["token create job --role r --ttl 1s", /--ttl takes 1m to 90d\./],
    ["token revoke 91c0", /ID has 32 hexadecimal digits/],
    ["identity revoke anna", /ID has 32 hexadecimal digits/],
    ["generate a -f b --length 400", /--length takes a whole number from 4 to 128\./],
    ["generate a -f b --type bytes --length 4097", /--length takes a whole number from 8 to 4096\./],
    ["generate a -f b --type passphrase --words 2", /--words takes a whole number from 3 to 32\./],
    ["login localhost:8300 --fingerprint ab", /URL: The address "localhost:8300" is refused/],
    ["context set x --address http://x", /--address: The address "http:\/\/x" is refused/],
    ["create a -f b --file -", /Standard input is --stdin/],
    ["create a --field-file b=/dev/stdin", /Standard input is --stdin/],
    ["import a.csv --path x", /--path is for the formats dotenv, vault, sops, and not for csv\./],
    ["import a.json --sheet x", /--sheet is for the formats xlsx, xls, and not for json\./],
  ] as const
) {
  Deno.test(`clectl ${line} ends with 64, in the words of the command line`, async () => {
    const end = await runClectl(line.split(" "), { variables: { HOME: "/nonexistent" } });
    deepEqual([end.status, end.out], [64, ""], end.err);
    match(end.err, sentence);
  });
}

Deno.test("an error about a file begins with the name of the program, since clectl has no configuration", async () => {
  const end = await runClectl(["context", "use", "nix"], { variables: { HOME: "/nonexistent" } });
  deepEqual([end.status, withoutHelp(end.err)], [78, 'clectl: There is no context "nix".\n']);
});

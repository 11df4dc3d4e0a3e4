import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { anchorOf } from "../base/error_anchors.ts";
import { KmsError } from "../base/errors.ts";
import { commandOf } from "./arguments.ts";
import type { Command } from "./command.ts";
import { commands } from "./trousseau/commands.ts";
import { trousseau } from "./trousseau/program.ts";
import { exits } from "./trousseau/exits.ts";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { acceptedOptions, optionLabel } from "./options.ts";
import { run } from "./run.ts";

async function ran(words: readonly string[], table: readonly Command[] = trousseau.commands) {
  const terminal = fakeTerminal();
  const status = await run(words, { ...trousseau, commands: table }, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

function failing(thrown: unknown): readonly Command[] {
  const command = { summary: "", description: "", positionals: [], options: [], examples: [] } as const;
  return [{ ...command, name: "fail", run: () => Promise.reject(thrown) }];
}

for (const words of [[], ["help"], ["--help"], ["-h"]]) {
  Deno.test(`run(${words.join(" ")}) lists every command and every exit status`, async () => {
    const { status, out, err } = await ran(words);
    equal(status, 0);
    equal(err, "");
    for (const { name, summary } of commands) match(out, new RegExp(`^  ${name} +${summary.slice(0, 20)}`, "m"));
    for (const { status, meaning } of Object.values(exits)) {
      match(out, new RegExp(`^  ${status} +${meaning}$`, "m"));
    }
  });
}

Deno.test("run() shows the usage of the intended command", async () => {
  match((await ran(["keys", "rotate", "-x"])).err, /^Usage: trousseau keys rotate \[FILE\] \[OPTIONS\]$/m);
  match((await ran(["config", "convert"])).err, /^Usage: trousseau config convert FILE… \[OPTIONS\]$/m);
  match((await ran(["keys", "rotate", "-x"])).err, /^Example: trousseau keys rotate$/m);
  match((await ran(["-x", "keys", "rotate"])).err, /^Usage: trousseau keys rotate \[FILE\] \[OPTIONS\]$/m);
  match((await ran(["config"])).err, /^Usage: trousseau config COMMAND \[OPTIONS\]\nExample: trousseau config /m);
  match((await ran(["nonsense"])).err, /^Usage: trousseau COMMAND \[OPTIONS\]\nExample: trousseau /m);
});

for (const { name, options, examples } of commands) {
  Deno.test(`run(${name} --help) shows its options and examples, as help ${name} does`, async () => {
    const { status, out } = await ran([...name.split(" "), "--help"]);
    equal(status, 0);
    match(out, new RegExp(`^  trousseau ${name}`, "m"));
    for (const option of acceptedOptions(options)) {
      match(out, new RegExp(`^  (-[a-zA-Z], |    )${optionLabel(trousseau.options, option)}\\b`, "m"));
    }
    for (const { line } of examples) equal(out.includes(line), true);
    equal((await ran(["help", ...name.split(" ")])).out, out);
    equal((await ran(["-h", ...name.split(" ")])).out, out);
  });
}

Deno.test("run(help) has no line of more than 100 columns, for every subject", async () => {
  const parts = ["providers", "sops", "telemetry", "aws-kms", "azure-key-vault", "gcp-kms", "kms-plugin", "local"];
  const pages = [
    [],
    ...commands.map(({ name }) => name.split(" ")),
    ...Object.keys(trousseau.topics).map((name) => [name]),
    ...[...parts, "vault-transit"].map((part) => ["config", part]),
  ];
  for (const words of pages) {
    const { status, out } = await ran(["help", ...words]);
    equal(status, 0, words.join(" "));
    for (const text of out.split("\n")) {
      // An address is copied as a whole, so it is not cut.
      const isAddress = /^ *(arn|https):\S+$/.test(text);
      ok(text.length <= 100 || isAddress, `${words.join(" ")}: ${text}`);
    }
  }
});

const usageErrors = [
  [["sreve"], /There is no command "sreve"\. Did you mean "serve"\?/],
  [["keys", "rotat"], /no command "keys rotat"\. Did you mean "rotate"\?/],
  [["config"], /"config" wants one more word: schema/],
  [["config", "schma"], /Did you mean "schema"\?/],
  [["serve", "now"], /"serve" does not take "now"/],
  [["serve", "--confg", "x"], /no option --confg\. Did you mean "--config"\?/],
  [["serve", "--wait"], /"serve" has no option --wait\./],
  [["serve", "-x"], /no option -x/],
  [["serve", "--config"], /--config wants a value: --config FILE/],
  [["serve", "--config", "--takeover"], /--config wants a value/],
  [["serve", "--config="], /--config wants a value/],
  [["serve", "--config=a", "--config=b"], /--config is given twice/],
  [["serve", "--takeover=yes"], /--takeover takes no value/],
  [["--confg", "x", "check"], /^trousseau: There is no option --confg\. Did you mean "--config"\?/],
  [["--config", "x"], /A command is missing/],
  [["serve", "--takeover", "--json"], /"serve" has no option --json/],
  [["check", "-config", "x"], /A long option has two dashes: --config, not -config\./],
  [["check", "-json"], /A long option has two dashes: --json, not -json\./],
  [["check", "-config=x"], /A long option has two dashes: --config, not -config\./],
  [["status", "-format=json"], /A long option has two dashes: --output, not -format\./],
  [["check", "-address=http://vault"], /There is no option -address\./],
  [["check", "-path"], /There is no option -path\./],
  [["-tls-skip-verify", "check"], /There is no option -tls-skip-verify\./],
  [["restart"], /There is no command "restart"\. Did you mean "systemctl restart trousseau"\?/],
  [["check", "-v", "6"], /-v takes no number; -v alone is --log-level debug\./],
  [["check", "-v=6"], /-v takes no number/],
  [["check", "-v6"], /-v takes no number/],
  [["check", "-o", "yaml"], /--output is one of table, json, and not "yaml"\./],
  [["check", "-o"], /--output wants a value: --output table\|json\./],
  [["check", "-o", "jsn"], /Did you mean "json"\?/],
  [["check", "--json", "-o", "table"], /--json and --output table contradict each other/],
  [["check", "-v", "--log-level", "warn"], /--verbose and --log-level warn contradict each other/],
  [["check", "--log-level", "trace"], /--log-level is one of debug, info, warn, error, and not "trace"/],
  [["serve", "--no-takeover"], /"serve" has no option --no-takeover; leave out --takeover instead\./],
  [["check", "a.yaml", "--config", "b.yaml"], /--config is given twice: once as "a\.yaml"\./],
  [["check", "a.yaml", "b.yaml"], /"check" does not take "b\.yaml"/],
  [["check", "-c", "a", "-c", "b"], /--config is given twice/],
  [["check", "json"], /"check" does not take "json"\. Did you mean "--json"\?/],
  [["status", "watch"], /"status" does not take "watch"\. Did you mean "--watch"\?/],
  [["check", "help"], /Did you mean "trousseau help check"\?/],
  [["check", "trousseau"], /A configuration in this folder is written \.\/trousseau\./],
  [["probe", "trousseau.yaml"], /"probe" takes a socket, and a configuration with --config trousseau\.yaml\./],
  [["probe", "a/kms.sock", "--socket", "b"], /--socket is given twice: once as "a\/kms\.sock"\./],
  [["start"], /There is no command "start"\. Did you mean "serve"\?/],
  [["validate"], /Did you mean "check"\?/],
  [["rotate"], /Did you mean "keys rotate"\?/],
  [["rotat"], /Did you mean "keys rotate"\?/],
  [["completion", "bash"], /Did you mean "completions"\?/],
  [["check", "--verbos"], /Did you mean "--verbose"\?/],
  [["check", "--debug"], /"check" has no option --debug\. Did you mean "--verbose"\?/],
  [["check", "-f", "a.yaml"], /"check" has no option -f\. Did you mean "--config"\?/],
  [["check", "--format", "json"], /Did you mean "--output"\?/],
  [["version", "--log-level", "debug"], /"version" has no option --log-level/],
  [["help", "confg"], /Did you mean "config"\?/],
  [["help", "config", "telemtry"], /The configuration has no part "telemtry"\. Did you mean "telemetry"\?/],
  [["help", "exit"], /Did you mean "exit-codes"\?/],
  [["status", "--interval", "5s"], /--interval is for --watch/],
  [["status", "--watch", "--interval", "5"], /--interval is a duration of at least 1s/],
  [["status", "--watch", "--interval", "500ms"], /--interval is a duration of at least 1s/],
  [["conformance", "--json", "--junit", "-", "/run/a.sock"], /--json and --junit - would both write to stdout/],
  [["completions"], /"completions" wants bash\|zsh\|fish/],
  [["completions", "bash", "zsh"], /does not take "zsh"/],
  [["help", "srve"], /Did you mean "serve"\?/],
  [["\x1b[2Jx"], /There is no command "\ufffd\[2Jx"/],
] as const;

for (const [words, complaint] of usageErrors) {
  Deno.test(`run(${words.join(" ").replace("\x1b", "ESC")}) is a usage error`, async () => {
    const { status, out, err } = await ran(words);
    equal(status, 64);
    equal(out, "");
    match(err, complaint);
    match(
      err,
      /\nUsage: trousseau \S+.* \[OPTIONS\]\nExample: .*trousseau .*\nRun "trousseau help[^"]*" to see what there is\.\n/,
    );
    // Each of them has a row in docs/errors.md.
    match(err, /\nRun "trousseau help error (command|config|init|start)-\w{5}" for cause and cure\.\n$/);
  });
}

const failures = [
  [new KmsError("config", "trousseau.yaml:1:1: key: no"), 78, /^trousseau\.yaml:1:1: key: no\n$/],
  [new KmsError("unreachable", "Vault is away."), 69, /^trousseau: Vault is away\.\n$/],
  [new KmsError("permission_denied", "No."), 77, /^trousseau: No\.\n$/],
  [
    new KmsError("quorum_not_reached", "No quorum.", { members: [new KmsError("key_unusable", "v is disabled.")] }),
    77,
    /^trousseau: No quorum\.\n {2}v is disabled\.\nRun "trousseau help error \S+-\w{5}" for cause and cure\.\n$/,
  ],
] as const;

for (const [thrown, expected, text] of failures) {
  Deno.test(`run() exits ${expected} for ${thrown.code}`, async () => {
    const { status, err } = await ran(["fail"], failing(thrown));
    equal(status, expected);
    match(err, text);
  });
}

Deno.test("run() reports the stack of an unknown error, and not its message", async () => {
  const { status, err } = await ran(["fail"], failing(new TypeError("token s.abcdef")));
  equal(status, 70);
  match(err, /TypeError\n +at .*run_test\.ts/);
  match(err, /\nRun "trousseau help error internal-\w{5}" for cause and cure\.\n$/);
  doesNotMatch(err, /abcdef/);
});

Deno.test("run(--version) is version", async () => {
  for (const word of ["--version", "-V", "-v"]) equal((await ran([word])).out, (await ran(["version"])).out);
  equal((await ran(["--version", "--json"])).out, (await ran(["version", "-o", "json"])).out);
  const { version, deno, v8, target, commit } = JSON.parse((await ran(["version", "--json"])).out);
  match(commit, /^(?:[0-9a-f]{40}|unknown)$/);
  match([version, deno, v8, target].join(" "), /^\d+\.\d+\.\d+ \d+\.\d+\.\d+ \d+\.\S+ \S+-\S+$/);
});

/** A command that records its call. */
function telling(name: string, row: Partial<Command>): readonly Command[] {
  const rest = { summary: "", description: "", positionals: [], options: [], examples: [], ...row };
  return [{
    ...rest,
    name,
    run({ options, positionals, terminal }) {
      terminal.stdout.write(JSON.stringify([options, positionals]));
      return Promise.resolve(0);
    },
  }];
}

const config = { name: "FILE", optional: true, standsFor: "config" } as const;
const sameCalls = [
  ["tell --config a.yaml --json", { config: "a.yaml", json: true }],
  ["tell -c a.yaml -o json", { config: "a.yaml", json: true }],
  ["tell -ca.yaml -ojson", { config: "a.yaml", json: true }],
  ["tell -c=a.yaml --output=json", { config: "a.yaml", json: true }],
  ["--config a.yaml tell --json", { config: "a.yaml", json: true }],
  ["-o json -c a.yaml tell", { config: "a.yaml", json: true }],
  ["tell a.yaml --json", { config: "a.yaml", json: true }],
  ["tell --json -- a.yaml", { config: "a.yaml", json: true }],
  ["tell -- -a.yaml", { config: "-a.yaml" }],
  ["tell -o table", {}],
  ["tell -v", { "log-level": "debug" }],
  ["-v tell -vv", { "log-level": "debug" }],
  ["tell -vo json", { json: true, "log-level": "debug" }],
  ["tell -v --log-level debug", { "log-level": "debug" }],
  ["--log-level warn tell", { "log-level": "warn" }],
  ["tell --json --json", { json: true }],
] as const;

for (const [line, expected] of sameCalls) {
  Deno.test(`run(${line}) passes the command ${JSON.stringify(expected)}`, async () => {
    const table = telling("tell", { options: ["config", "json", "log-level"], positionals: [config] });
    const { status, out, err } = await ran(line.split(" "), table);
    deepEqual([status, JSON.parse(out)], [0, [expected, []]], err);
  });
}

Deno.test("run() accepts -o for a file if the command writes one", async () => {
  const { out } = await ran(["tell", "-o", "a.txt"], telling("tell", { options: ["output"] }));
  deepEqual(JSON.parse(out), [{ output: "a.txt" }, []]);
});

Deno.test("run(keys FILE) is keys, and keys rotate FILE is keys rotate", async () => {
  for (const words of [["keys", "/nonexistent/a.yaml"], ["keys", "rotate", "/nonexistent/a.yaml"]]) {
    const { status, err } = await ran(words);
    equal(status, 78);
    match(err, /^Cannot read the config file \/nonexistent\/a\.yaml: there is no such file/);
  }
});

Deno.test("run(config --help) explains the configuration, as help config does", async () => {
  const { status, out } = await ran(["config", "--help"]);
  equal(status, 0);
  equal(out, (await ran(["help", "config"])).out);
});

Deno.test("run() prints a document if a command with --json fails, and nothing else on stdout", async () => {
  const members = [new KmsError("key_unusable", "v is disabled.")];
  const failed = new KmsError("quorum_not_reached", "No quorum.", { members });
  const table = failing(failed).map((command) => ({ ...command, options: ["json", "quiet"] as const }));
  const { status, out } = await ran(["fail", "-o", "json"], table);
  equal(status, 77);
  deepEqual(JSON.parse(out), {
    ok: false,
    error: {
      code: "quorum_not_reached",
      message: "No quorum.",
      causes: ["v is disabled."],
      anchors: [anchorOf("v is disabled.")],
    },
  });
  equal((await ran(["fail"], table)).out, "");
  equal((await ran(["fail", "--json", "--quiet"], table)).out, "");
  const loud = table.map((command) => ({ ...command, options: ["config", "quiet", "log-level"] as const }));
  doesNotMatch((await ran(["fail", "-qv"], loud)).err, /DEBUG/);
  const stranger = failing(new TypeError("token s.abcdef")).map((row) => ({ ...row, options: ["json"] as const }));
  const internal = await ran(["fail", "--json"], stranger);
  deepEqual([internal.status, JSON.parse(internal.out).error.code], [70, "internal"]);
  doesNotMatch(internal.out, /abcdef/);
});

Deno.test("run(--log-level debug) reports on stderr the files that a command reads and its end", async () => {
  const { out, err } = await ran(
    ["tell", "-v", "a.yaml"],
    telling("tell", { options: ["config", "log-level"], positionals: [config] }),
  );
  match(out, /^\[/);
  match(
    err,
    /^\S+Z DEBUG Runs "tell"\. version=\S+ configuration=a\.yaml\n\S+Z DEBUG "tell" has ended\. exitStatus=0 /,
  );
  equal((await ran(["tell", "--log-level", "warn"], telling("tell", { options: ["config", "log-level"] }))).err, "");
});

Deno.test("commandOf() finds the command after options and their values, and never throws", () => {
  const named = (...words: string[]) => commandOf(words, trousseau)?.name;
  equal(named("-c", "a.yaml", "-v", "--log-level=debug", "serve", "check"), "serve");
  equal(named("keys", "--json", "rotate", "a.yaml"), "keys rotate");
  equal(named("--config", "serve"), undefined);
  equal(named("--nonsense", "serve"), "serve");
  equal(named("nonsense"), undefined);
  equal(named("-c"), undefined);
  equal(named("--", "serve"), "serve");
  equal(named(), undefined);
});

/**
 * `-o` of every command of `clectl` that has it, against a whole keyring: a table, one JSON document and one YAML document
 * with the same content, and no value outside of `get` and `export`.
 *
 * @module
 */
import { deepEqual, doesNotMatch, equal, match, ok, throws } from "node:assert/strict";
import { parse } from "yaml";
import { clectl } from "../../lib/cli/clectl/program.ts";
import { run } from "../../lib/cli/run.ts";
import { ClectlStage, well } from "../support/clectl_stage.ts";
import { clectlTerminal, type Ran } from "../support/clectl_terminal.ts";
import { waitFor } from "../support/processes.ts";

const value = "mysuprP@ssw0rd";
const formats = ["table", "json", "yaml"] as const;

/** How a command is run once for each format. */
interface FormatRow {
  readonly name: string;
  /** The words behind the name. @param at the number of the format, so that each run has objects of its own. */
  readonly words?: (stage: ClectlStage, at: number) => string | Promise<string>;
  readonly stdin?: (stage: ClectlStage, at: number) => string | Promise<string>;
  readonly by?: "admin" | "person";
  readonly status?: number;
  /** Whether each run changes the answer of the next one. */
  readonly varies?: true;
}

const idOf = async (stage: ClectlStage, list: string, name: string): Promise<string> => {
  const rows: readonly Readonly<Record<string, string>>[] = JSON.parse(well(await stage.admin(`${list} -o json`)).out);
  return rows.find((row) => [row["name"], row["identity"]].includes(name))?.["id"] ?? "";
};

const policy = "roles: {dev: {rules: [{path: /, verbs: [read, list]}]}}";
const injected = () => value;

/** Every command with a format, in an order in which each finds what it needs. */
const rows: readonly FormatRow[] = [
  { name: "health" },
  { name: "create", words: (_, at) => `db/c${at} -f password --stdin`, stdin: injected, varies: true },
  { name: "generate", words: (_, at) => `db/g${at} -f password`, varies: true },
  { name: "list", words: () => "db/" },
  { name: "update", words: () => "db/john -f password --stdin", stdin: () => `${value}2`, varies: true },
  { name: "patch", words: () => "db/john --label team=db", varies: true },
  { name: "history", words: () => "db/john" },
  { name: "diff", words: () => "db/john --from 1 --to 2", status: 1 },
  { name: "delete", words: (_, at) => `db/c${at}`, varies: true },
  { name: "undelete", words: (_, at) => `db/c${at}`, varies: true },
  { name: "destroy", words: (_, at) => `db/c${at} --versions 1 --yes`, varies: true },
  { name: "move", words: (_, at) => `db/g${at} db/moved${at}`, varies: true },
  {
    name: "import",
    words: async (stage, at) => {
      const rows = [{ path: `in${at}`, fields: { password: { kind: "text", value } } }];
      return `${await stage.file("import.json", JSON.stringify(rows))} --below bulk`;
    },
    varies: true,
  },
  { name: "policy set", words: async (stage) => await stage.file("policy.yaml", policy), varies: true },
  { name: "policy get" },
  { name: "enrol", words: (_, at) => `invited${at} --roles dev`, varies: true },
  { name: "identity list" },
  {
    name: "identity revoke",
    words: (stage, at) => idOf(stage, "identity list", `invited${at}`),
    varies: true,
  },
  {
    name: "login",
    words: ({ url, fingerprint }, at) => `${url} --fingerprint ${fingerprint} --context c${at}`,
    stdin: async (stage, at) => well(await stage.admin(`enrol person${at} --roles dev`)).out,
    by: "person",
    varies: true,
  },
  { name: "whoami" },
  { name: "can", words: () => "read db/john" },
  { name: "logout", words: (_, at) => `--context c${at}`, by: "person", varies: true },
  { name: "token create", words: (_, at) => `job${at} --role dev --ttl 1h`, varies: true },
  { name: "token list" },
  { name: "token revoke", words: (stage, at) => idOf(stage, "token list", `token:job${at}`), varies: true },
  { name: "context set", words: (_, at) => `here${at} --address unix:///run/a.sock`, by: "person", varies: true },
  { name: "context use", words: (_, at) => `here${at}`, by: "person", varies: true },
  { name: "context list", by: "person" },
  { name: "context remove", words: (_, at) => `here${at}`, by: "person", varies: true },
  { name: "audit key" },
  { name: "audit head", varies: true },
  {
    name: "audit verify",
    words: async (stage) => {
      const key = await stage.file("audit.pem", well(await stage.admin("audit key")).out);
      // The file grows with each request.
      await Deno.copyFile(stage.keyring.auditPath, `${stage.folder}/audit.copy`);
      return `${stage.folder}/audit.copy --key ${key}`;
    },
    varies: true,
  },
  { name: "version" },
  { name: "get", words: () => "db/john" },
];

/** Commands whose output is a stream, or has no table. */
const others = ["watch", "export"];

async function printed(stage: ClectlStage, row: FormatRow, at: number): Promise<Ran> {
  const words = `${row.name} ${await row.words?.(stage, at) ?? ""}`.trim();
  const stdin = await row.stdin?.(stage, at);
  return await stage[row.by ?? "admin"](`${words} -o ${formats[at]}`, stdin === undefined ? {} : { stdin });
}

Deno.test("every command of clectl with -o prints a table, JSON and YAML of one content", async (t) => {
  const formatOptions = ["json", "valueFormat", "exportFormat"];
  const withFormat = clectl.commands.filter(({ options }) => formatOptions.some((one) => options.includes(one)));
  deepEqual(withFormat.map(({ name }) => name).toSorted(), [...rows.map(({ name }) => name), ...others].toSorted());
  await using stage = await ClectlStage.open();
  well(await stage.admin("create db/john -f password --stdin", { stdin: value }));
  well(await stage.admin("create solo/one -f password --stdin", { stdin: value }));
  for (const row of rows) {
    await t.step(row.name, async () => {
      const [table, json, yaml] = [
        await printed(stage, row, 0),
        await printed(stage, row, 1),
        await printed(stage, row, 2),
      ];
      for (const { status, err } of [table, json, yaml]) equal(status, row.status ?? 0, err);
      throws(() => JSON.parse(table.out), SyntaxError, table.out);
      const [fromJson, fromYaml] = [JSON.parse(json.out), parse(yaml.out)];
      ok(typeof fromJson === "object" && fromJson !== null, json.out);
      equal(json.out.trimEnd().includes("\n"), false, "one line for scripts");
      if (row.varies) deepEqual(Object.keys(fromYaml).toSorted(), Object.keys(fromJson).toSorted());
      else deepEqual(fromYaml, fromJson);
      if (row.name !== "get") doesNotMatch([table, json, yaml].map(({ out, err }) => out + err).join(), /mysuprP/);
    });
  }

  await t.step("get", async () => {
    equal(well(await stage.admin("get db/john -o env")).out, `password='${value}2'\n`);
    equal(well(await stage.admin("get db/john -o raw")).out, `${value}2`);
  });

  await t.step("export", async () => {
    const line = "export bulk/";
    const json = JSON.parse(well(await stage.admin(`${line} -o json`)).out);
    deepEqual(parse(well(await stage.admin(`${line} -o yaml`)).out), json);
    equal(JSON.parse(well(await stage.admin(line)).out).length, 3);
    equal(well(await stage.admin("export solo/ -o env")).out, `password='${value}'\n`);
    equal((await stage.admin(`${line} -o table`)).status, 64);
  });

  await t.step("watch", async () => {
    for (const format of formats) {
      const stop = new AbortController();
      const variables = { CLECTL_ADDRESS: `unix://${stage.folder}/admin/admin.sock` };
      const terminal = clectlTerminal({ variables, signal: stop.signal });
      const watching = run(["watch", "db/", "-o", format], clectl, terminal);
      await waitFor("a change", async () => {
        well(await stage.admin(`patch db/john --label at=${format}`));
        return terminal.out() !== "";
      }, { timeoutMs: 60_000 });
      stop.abort();
      equal(await watching, 0);
      const out = terminal.out();
      if (format === "table") match(out, /^patch db\/john version \d+\n/);
      const [first = ""] = out.split(format === "yaml" ? /(?<=\n)(?=---\n)/ : /\n/);
      if (format !== "table") equal((format === "json" ? JSON.parse(first) : parse(first)).path, "db/john");
    }
  });
});

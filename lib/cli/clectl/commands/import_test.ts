import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { runClectl } from "../../../../tests/support/clectl_terminal.ts";
import { answerJson, KeyringDouble } from "../../../../tests/support/keyring_double.ts";
import { withoutHelp } from "../../../../tests/support/help_line.ts";

/** A server that knows some paths already. @returns the end of `import`, and the bodies of the requests. */
async function imported(
  content: string,
  words: readonly string[] = [],
  known: readonly string[] = [],
  raced = false,
  isTerminal = false,
) {
  await using double = await KeyringDouble.start(({ body }, response) => {
    const { items, dryRun } = JSON.parse(body) as { items: { path: string }[]; dryRun: boolean };
    const exists = (path: string) => known.includes(path) && (dryRun || raced);
    const problem = {
      type: "urn:trousseau:problem:exists",
      title: "",
      status: 409,
      detail: "It exists.",
      requestId: "1",
    };
    const rows = items.map(({ path }) => exists(path) && !(raced && dryRun) ? { path, problem } : { path, version: 1 });
    const failed = rows.some((row) => "problem" in row);
    answerJson(response, { written: dryRun || failed ? 0 : items.length, items: rows });
  });
  const file = `${double.folder}/secrets.csv`;
  await Deno.writeTextFile(file, content);
  const variables = { CLECTL_ADDRESS: double.address };
  const end = await runClectl(["import", file, ...words], { variables, ...(isTerminal ? { typed: [] } : {}) });
  return { ...end, bodies: double.requests.map(({ body }) => JSON.parse(body)), file };
}

const table = "path,password,label:team\na/b,p1,db\nc,p2,\n";

Deno.test("import asks for a dry run of all rows, then writes them in one request", async () => {
  const { status, out, err, bodies, file } = await imported(table, ["--below", "team"]);
  deepEqual([status, out], [0, "2 secrets imported.\n"], err);
  deepEqual(bodies.map(({ dryRun }) => dryRun), [true, false]);
  deepEqual(bodies[1].items, [
    { path: "team/a/b", fields: { password: { kind: "text", value: "p1" } }, labels: { team: "db" } },
    { path: "team/c", fields: { password: { kind: "text", value: "p2" } } },
  ]);
  equal(err, `clectl: All values are still in ${file}; remove it and its copies.\n`);
});

Deno.test("import shows a bar on a terminal while it checks many rows", async () => {
  const rows = Array.from({ length: 1_200 }, (_, at) => `s/${at},v`).join("\n");
  const { status, err } = await imported(`path,password\n${rows}\n`, [], [], false, true);
  equal(status, 0, err);
  match(err, /Checking \[#{12} {18}\] 500 of 1200\r/);
  match(err, /Checking \[#{30}\] 1200 of 1200\r/);
});

Deno.test("import --dry-run writes nothing, and lists the paths with their places", async () => {
  const { status, out, bodies } = await imported(table, ["--dry-run"]);
  deepEqual([status, bodies.map(({ dryRun }) => dryRun)], [0, [true]]);
  equal(out, "a/b  (line 2)\nc  (line 3)\n2 secrets would be imported.\n");
});

Deno.test("import names each row that the server refuses, and writes none", async () => {
  const { status, out, err, bodies, file } = await imported(table, ["-o", "json"], ["a/b", "c"]);
  deepEqual([status, bodies.map(({ dryRun }) => dryRun)], [1, [true]]);
  equal(err, `${file}: line 2: It exists.\n${file}: line 3: It exists.\nclectl: Nothing was imported.\n`);
  deepEqual(JSON.parse(out), {
    imported: 0,
    complaints: [{ place: "line 2", why: "It exists" }, { place: "line 3", why: "It exists" }],
  });
  const raced = await imported(table, [], ["c"], true);
  deepEqual([raced.status, raced.bodies.length], [1, 2]);
  match(raced.err, /Nothing was imported, since line 3 cannot be written: It exists\./);
});

Deno.test("import refuses rows before a connection is made, each with its place", async () => {
  const rows = "path,password\na//b,p1\nc,p2\nc,p3\nd,\n/e,p5,secret\n";
  const { status, err, bodies, file } = await imported(rows);
  deepEqual([status, bodies], [64, []]);
  const lines = err.trim().split("\n").map((line) => line.replace(`${file}: `, ""));
  deepEqual(
    lines,
    [
      "line 5: it has no value.",
      "line 6: it has 3 cells, and the header has 2.",
      'line 2: The path "a//b" is refused: a segment is empty.',
      "line 4: it has the path of line 3.",
      "clectl: Nothing was imported.",
    ],
  );
  doesNotMatch(err, /\bp[1-5]\b|,secret/);
});

Deno.test("import refuses a file that it cannot read, and a name without a format", async () => {
  const { status, err, bodies, file } = await imported('path,a\nx,"secret\n');
  deepEqual([status, bodies], [64, []]);
  match(
    err,
    /^clectl: Cannot import .* as csv: its quotes are not in order near line \d\.\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
  const unnamed = await runClectl(["import", "/tmp/secrets"]);
  equal(unnamed.status, 64);
  match(unnamed.err, /use --format csv\|xlsx/);
  const absent = await runClectl(["import", file]);
  deepEqual([absent.status, withoutHelp(absent.err)], [64, `clectl: Cannot read ${file}: there is no such file.\n`]);
});

Deno.test("import refuses a file of more than 16 MiB before it parses it or makes a connection", async () => {
  const { status, err, bodies } = await imported("x".repeat(16 * 1024 * 1024 + 1));
  deepEqual([status, bodies], [64, []]);
  match(err, /^clectl: Cannot read .*secrets\.csv: it is larger than 16384 KiB\.$/m);
});

Deno.test("import divides the dry run by size, and refuses more than one request can carry", async () => {
  const rows = (count: number) => Array.from({ length: count }, (_, at) => `s${at},${"x".repeat(999_000)}\n`).join("");
  const { status, bodies } = await imported(`path,v\n${rows(12)}`);
  deepEqual([status, bodies.map(({ items }) => items.length)], [0, [9, 3, 12]]);
  // Six characters of JSON for each.
  const controls = Array.from({ length: 6 }, (_, at) => `s${at},${"\u0001".repeat(999_000)}\n`).join("");
  const refused = await imported(`path,v\n${controls}`);
  deepEqual([refused.status, refused.bodies], [64, []]);
  match(refused.err, /larger than 32 MiB as JSON: divide the file\./);
});

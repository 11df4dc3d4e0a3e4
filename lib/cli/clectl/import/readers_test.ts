import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { utf8 } from "../../../base/bytes.ts";
import fc from "fast-check";
import { formatOf, type ImportFormat, importReaders } from "./readers.ts";
import { type ImportedFile, importFileLimits, type ReaderOptions, UnreadableImportError } from "./rows.ts";

async function read(
  format: ImportFormat,
  content: string | Uint8Array,
  options: ReaderOptions = {},
): Promise<ImportedFile> {
  return await importReaders[format](typeof content === "string" ? utf8(content) : content, options);
}

/** Rows in one line each: place, path and fields. */
function shown({ rows }: ImportedFile): readonly string[] {
  return rows.map(({ place, path, fields, labels }) => {
    const values = fields.map(({ name, kind, value }) => `${name}${kind === "text" ? "" : `:${kind}`}=${value}`);
    const named = Object.entries(labels).map(([name, value]) => `[${name}=${value}]`);
    return [`${place}:`, path, ...values, ...named].join(" ");
  });
}

function complaints({ complaints }: ImportedFile): readonly string[] {
  return complaints.map(({ place, why }) => `${place}: ${why}`);
}

const refused = (why: RegExp) => (thrown: unknown) => {
  ok(thrown instanceof UnreadableImportError, String(thrown));
  match(thrown.message, why);
  return true;
};

Deno.test("readCsv() takes cells as texts, with quotes, line breaks and labels", async () => {
  const text = 'path,password,my note,label:team\ndb/a,007,"two\nlines, ""q""",x\n\ndb/b, 1/2 ,,\n';
  deepEqual(shown(await read("csv", text)), [
    'line 3: db/a password=007 my_note=two\nlines, "q" [team=x]',
    "line 5: db/b password= 1/2 ",
  ]);
  deepEqual(shown(await read("csv", "\ufefffolder;title;password\n/a/b/;c;(12)\n;d;x\n")), [
    "line 2: a/b/c password=(12)",
    "line 3: d password=x",
  ]);
});

Deno.test("readCsv() complains of rows by their lines, and never repeats a cell", async () => {
  const file = await read("csv", "path,a\nx,1,secret\ny,\nz,2\n");
  deepEqual(complaints(file), ["line 2: it has 3 cells, and the header has 2", "line 3: it has no value"]);
  await rejects(read("csv", 'path,a\nx,"secret\n'), refused(/^its quotes are not in order near line \d+$/));
  await rejects(read("csv", Uint8Array.of(0x70, 0xff)), refused(/not UTF-8/));
  await rejects(read("csv", ""), refused(/is empty/));
  await rejects(read("csv", "user,password\na,b\n"), refused(/neither a column "path" nor/));
  await rejects(read("csv", "path,a,a\nx,1,2\n"), refused(/column "a" twice/));
  await rejects(read("csv", "path,ä\nx,1\n"), refused(/no valid name of a field/));
  await rejects(read("csv", "path,a\n"), refused(/no secrets/));
  const many = `path,a\n${"x,1\n".repeat(importFileLimits.rows + 1)}`;
  await rejects(read("csv", many), refused(/more than 100000 secrets/));
});

Deno.test("readJsonRows() reads what export prints", async () => {
  const list = [
    {
      path: "a",
      fields: { p: { kind: "text", value: "x" }, b: { kind: "bytes", value: "/wo=" }, j: { kind: "json", value: [1] } },
    },
    { path: "b", fields: { p: "y" }, labels: { team: "db" }, version: 3 },
  ];
  deepEqual(shown(await read("json", JSON.stringify(list))), [
    "item 1: a p=x b:bytes=/wo= j:json=[1]",
    "item 2: b p=y [team=db]",
  ]);
  const bad = [1, { path: "a", fields: { p: 7 } }, { path: "b", fields: { b: { kind: "bytes", value: "?" } } }, {
    path: "c",
    fields: { p: "x" },
    labels: { a: 1 },
  }];
  deepEqual(complaints(await read("json", JSON.stringify(bad))), [
    "item 1: it is not an object with path and fields",
    'item 2: its field "p" is neither a text nor kind and value',
    "item 2: it has no value",
    'item 3: its field "b" is neither a text nor kind and value',
    "item 3: it has no value",
    "item 4: one of its labels is not a text",
  ]);
  await rejects(read("json", "{}"), refused(/not a list/));
  await rejects(read("json", "[secret"), refused(/^it is not JSON$/));
});

Deno.test("readDotenv() takes lines that all programs read alike", async () => {
  const text = [
    "# comment",
    "A=plain value",
    "export B='single $x \\n'",
    'C="two\nlines \\" \\\\ \\n"',
    "D=",
    "E='x' # note",
    "",
  ].join("\n");
  deepEqual(shown(await read("dotenv", text, { path: "app/web" })), [
    'the file: app/web A=plain value B=single $x \\n C=two\nlines " \\ \n E=x',
  ]);
});

Deno.test("readDotenv() complains of lines that programs read differently", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["A=a$b", /\$ or a backquote outside of quotes/],
    ["A=a #b", /# outside of quotes/],
    ['A="a$b"', /use single quotes/],
    ['A="a\\qb"', /sequence that is not known/],
    ['A="a"b', /something after its quote/],
    ["A='a", /quote does not end/],
    ["just text", /not NAME=VALUE/],
    ["1A=x", /not NAME=VALUE/],
  ];
  for (const [line, why] of cases) {
    match(complaints(await read("dotenv", `B=x\n${line}`, { path: "p" })).join("\n"), why, line);
  }
  deepEqual(complaints(await read("dotenv", "A=x\nA=y\n", { path: "p" })), ['the file: it has the field "A" twice']);
  await rejects(read("dotenv", "A=x"), refused(/name one with --path/));
});

Deno.test("readVaultRows() reads answers of both versions of KV, and trees", async () => {
  const second = { request_id: "1", data: { data: { password: "x", n: 7 }, metadata: { version: 2 } } };
  deepEqual(
    shown(await read("vault", JSON.stringify(second), { path: "a/b" })),
    ['"a/b": a/b password=x n:json=7'].map((line) => line.replace('"a/b":', '"a/b":')),
  );
  const first = { request_id: "1", data: { password: "x" } };
  deepEqual(shown(await read("vault", JSON.stringify(first), { path: "a" })), ['"a": a password=x']);
  await rejects(read("vault", JSON.stringify(first)), refused(/name one with --path/));
  deepEqual(shown(await read("vault", '{"a":{"n":12345678901234567890,"m":[1.50]}}')), [
    '"a": a n:json=12345678901234567890 m:json=[1.50]',
  ]);
  const tree = { db: { prod: { john: { password: "x" } }, user: "y" } };
  deepEqual(shown(await read("vault", JSON.stringify(tree))).toSorted(), [
    '"db": db user=y',
    '"db/prod/john": db/prod/john password=x',
  ]);
});

Deno.test("readSops() takes texts, and refuses scalars that SOPS gives back changed", async () => {
  const good = 'db:\n  john:\n    password: "007"\n    note: plain text\n';
  deepEqual(shown(await read("sops", good)), ['"db/john": db/john password=007 note=plain text']);
  deepEqual(shown(await read("sops", '{"password": "x"}', { path: "a" })), ['"a": a password=x']);
  for (const scalar of ["7", "1.5", "2024-01-01", "2024-01-01T00:00:00Z", "yes", "null", "[a]", "0x1f", "1_000"]) {
    const file = await read("sops", `a:\n  p: ${scalar}\n  q: x\n`);
    deepEqual(complaints(file), ['"a": its value "p" is not a text'], scalar);
  }
  await rejects(read("sops", "a: x\nsops:\n  mac: y\n"), refused(/still encrypted/));
  await rejects(read("sops", "a: [secret"), refused(/^it is not YAML or JSON$/));
  deepEqual(complaints(await read("sops", "a: x\n")), ["the top: its texts have no path: name one with --path"]);
});

const bitwarden = {
  encrypted: false,
  folders: [{ id: "f", name: "Team/DB" }],
  items: [
    {
      type: 1,
      name: "john",
      folderId: "f",
      notes: "n",
      login: { username: "u", password: "p", totp: null, uris: [{ uri: "https://a" }, { uri: "https://b" }] },
      fields: [{ name: "PIN code", value: "007", type: 1 }],
    },
    { type: 2, name: "note", folderId: null, notes: "text" },
    { type: 3, name: "card", card: { number: "4111", code: "1", brand: null } },
    { type: 1, name: "old", deletedDate: "2024", login: { password: "p" } },
  ],
};

Deno.test("readBitwarden() reads logins, notes and cards, with folders and fields", async () => {
  const file = await read("bitwarden", JSON.stringify(bitwarden));
  deepEqual(shown(file), [
    "item 1: Team/DB/john username=u password=p url=https://a url_2=https://b PIN_code=007 notes=n",
    "item 2: note notes=text",
    "item 3: card number=4111 code=1",
  ]);
  deepEqual(file.leftOut, [{ place: "item 4", why: "it is in the trash" }]);
  await rejects(read("bitwarden", JSON.stringify({ ...bitwarden, encrypted: true })), refused(/encrypted/));
  await rejects(read("bitwarden", "{}"), refused(/no export of Bitwarden/));
  const odd = { ...bitwarden, items: [{ type: 9, name: "x", notes: "n" }, { type: 1, login: {} }, 7] };
  deepEqual(complaints(await read("bitwarden", JSON.stringify(odd))), [
    "item 1: it is of a type that is not known",
    "item 2: it has no name",
    "item 3: it is not an object",
  ]);
});

function keepass(entries: string, groups = ""): string {
  return `<?xml version="1.0" encoding="utf-8" standalone="yes"?><KeePassFile><Meta><RecycleBinUUID>bin==</RecycleBinUUID></Meta>
    <Root><Group><Name>Database</Name>${entries}<Group><UUID>x</UUID><Name>DB</Name>${groups}</Group>
    <Group><UUID>bin==</UUID><Name>Recycle Bin</Name>${entry("gone")}</Group></Group></Root></KeePassFile>`;
}

function entry(title: string, more = "", value = "<Value>p&amp;&#x20AC;</Value>"): string {
  return `<Entry><String><Key>Title</Key><Value>${title}</Value></String><String><Key>Password</Key>${value}</String>
    <String><Key>UserName</Key><Value/></String>${more}<History><Entry><String><Key>Title</Key><Value>older</Value></String>
    <String><Key>Password</Key><Value>old</Value></String></Entry></History></Entry>`;
}

Deno.test("readKeepass() reads groups and entries, without the recycle bin and the history", async () => {
  const custom = "<String><Key>API key</Key><Value><![CDATA[<k>]]></Value></String><Binary><Key>f</Key></Binary>";
  const file = await read("keepass", keepass(entry("mail"), entry("john", custom)));
  deepEqual(shown(file), ['entry "mail": mail password=p&€', 'entry "DB/john": DB/john password=p&€ API_key=<k>']);
  deepEqual(file.leftOut, [
    { place: 'entry "DB/john"', why: "its attachments are not imported" },
    { place: 'group "Recycle Bin"', why: "it is the recycle bin" },
  ]);
});

Deno.test("readKeepass() refuses encrypted values, slashes, other XML and a DTD", async () => {
  const locked = '<Value Protected="True">c2VjcmV0</Value>';
  deepEqual(complaints(await read("keepass", keepass(entry("a", "", locked)))), [
    'entry "a": it is encrypted; export it from KeePass as KeePass XML (2.x)',
  ]);
  deepEqual(complaints(await read("keepass", keepass(entry("a/b")))), [
    'entry "a/b": its title has a slash; rename it',
  ]);
  await rejects(read("keepass", "<a/>"), refused(/no XML export of KeePass/));
  await rejects(read("keepass", "<a>secret"), refused(/not well-formed/));
  await rejects(read("keepass", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'), refused(/DTD/));
  await rejects(read("keepass", ""), refused(/not (well-formed )?XML/));
});

Deno.test("formatOf() knows the format by the ending of the name", () => {
  deepEqual(["a.csv", "a.TSV", "b.xlsx", "b.xls", "c.json", ".env", "d.xml"].map(formatOf), [
    "csv",
    "csv",
    "xlsx",
    "xls",
    "json",
    "dotenv",
    "keepass",
  ]);
});

for (const format of Object.keys(importReaders) as ImportFormat[]) {
  Deno.test(`the reader of ${format} is total: a file or an UnreadableImportError`, async () => {
    const starts = ["", "path,a\n", "[", "{", "<a>", "A='", "PK\u0003\u0004", '{"encrypted":false,"items":['];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }), async (start, rest) => {
        try {
          await read(format, new Uint8Array([...utf8(start), ...rest]), { path: "p" });
        } catch (thrown) {
          equal(thrown instanceof UnreadableImportError, true, String(thrown));
        }
      }),
    );
  });
}

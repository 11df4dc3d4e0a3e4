import assert from "node:assert/strict";
import fc from "fast-check";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { type IniSection, IniSyntaxError, parseIni, readIni } from "./ini.ts";

function parsed(text: string): unknown {
  const fieldsOf = (section: IniSection) => [...section.fields].map(([name, { value }]) => [name, value] as const);
  return Object.fromEntries(
    [...parseIni(text)].map(([name, section]) => [name, Object.fromEntries(fieldsOf(section))]),
  );
}

Deno.test("parseIni() reads sections and fields as the AWS CLI writes them", () => {
  const text = `# a comment
[default]
region=eu-central-1
AWS_Access_Key_Id = AKIA1
aws_secret_access_key: a+b/c=
; another comment

[profile node] ; behind it
  role_arn = arn:aws:iam::111122223333:role/a#b
  s3 =
    max_concurrent_requests = 20
\t\t\tsignature_version = s3v4
`;
  assert.deepEqual(parsed(text), {
    "default": { region: "eu-central-1", aws_access_key_id: "AKIA1", aws_secret_access_key: "a+b/c=" },
    "profile node": {
      role_arn: "arn:aws:iam::111122223333:role/a#b",
      s3: "\nmax_concurrent_requests = 20\nsignature_version = s3v4",
    },
  });
  assert.deepEqual(parsed(text.replaceAll("\n", "\r\n")), parsed(text));
});

Deno.test("parseIni() records the line of a field and of its value's continuation", () => {
  const { line, fields } = parseIni("\n[a]\nx = 1\n # c\n  y = 2\nz = 3\n").get("a") ?? assert.fail();
  assert.deepEqual([line, fields.get("x"), fields.get("z")], [
    2,
    { value: "1\ny = 2", line: 3, continuedAt: 5 },
    { value: "3", line: 6 },
  ]);
});

Deno.test("parseIni() adds the fields of [DEFAULT] to all sections, whose own fields take precedence", () => {
  assert.deepEqual(parsed("[a]\nx = 1\n[DEFAULT]\nx = 2\ny = 3\n[b]\n"), {
    a: { x: "1", y: "3" },
    b: { x: "2", y: "3" },
  });
});

Deno.test("parseIni() reports the line of an error, and its reason", () => {
  const [before, nothing] = [
    "it stands before the first [section]",
    "it is neither [section] nor name = value nor a comment",
  ];
  const cases = {
    "x = 1": [1, before],
    "[a": [1, before],
    "[]": [1, before],
    "\n\n{}": [3, before],
    "[a]\nnonsense": [2, nothing],
    "[a]\n= 1": [2, nothing],
    "[a]\n[b]\n[a]": [3, "this section is there already; put the two together"],
    "[a]\nx = 1\nX: 2": [3, "this field is there already in its section; remove one of the two"],
    "[a]\ns3 =\n  x": [2, "this field is empty, and a line below it is not name = value"],
  } as const;
  for (const [text, [line, why]] of Object.entries(cases)) {
    assert.throws(() => parseIni(text), { name: "IniSyntaxError", line, why }, text);
  }
});

Deno.test("parseIni() reads any text or rejects it with an existing line", () => {
  const pieces = [
    "[a]",
    "[b]",
    "x = 1",
    " y: 2",
    "s3 =",
    "  z = 3",
    "#",
    "",
    "\t",
    "[DEFAULT]",
    "=",
    "\u2028",
    "\ufeff",
    "[",
  ];
  fc.assert(fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (lines) => {
    try {
      for (const { line, fields } of parseIni(lines.join("\n")).values()) {
        assert.ok(line >= 1 && line <= lines.length);
        for (const field of fields.values()) assert.ok(field.line >= 1 && field.line <= lines.length);
      }
    } catch (thrown) {
      assert.ok(thrown instanceof IniSyntaxError && thrown.line >= 1 && thrown.line <= lines.length, String(thrown));
    }
  }));
});

Deno.test("parseIni() does not confuse properties of every object with fields", () => {
  const fields = parseIni("[a]\n__proto__ = x\n").get("a")?.fields ?? assert.fail();
  assert.deepEqual([...fields.keys()], ["__proto__"]);
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

Deno.test("readIni() reads a file, and rejects one that is too large or not text", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/config`;
    await Deno.writeTextFile(path, "[a]\nx = 1\n");
    assert.equal((await readIni(path)).get("a")?.fields.get("x")?.value, "1");
    await Deno.writeTextFile(path, `#${"x".repeat(256 * 1024)}`);
    await assert.rejects(readIni(path), { name: "TooLarge" });
    await Deno.writeFile(path, Uint8Array.of(0x5b, 0x61, 0x5d, 0x0a, 255, 254, 0x0a));
    await assert.rejects(readIni(path), { name: "IniSyntaxError", line: 2, why: "it is not UTF-8" });
    await Deno.writeTextFile(path, "\ufeff[a]\n");
    await assert.rejects(readIni(path), { name: "IniSyntaxError", line: 1, why: /byte order mark/ });
    await assert.rejects(readIni(`${folder}/none`), Deno.errors.NotFound);
  });
});

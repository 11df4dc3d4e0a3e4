import assert from "node:assert/strict";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { parseIni, readIni } from "./ini.ts";

function parsed(text: string): unknown {
  return Object.fromEntries([...parseIni(text)].map(([section, fields]) => [section, { ...fields }]));
}

Deno.test("parseIni() reads sections and fields as the AWS CLI writes them", () => {
  const text = `# a comment
[default]
region=eu-central-1
AWS_Access_Key_Id = AKIA1
aws_secret_access_key = a+b/c=  # with the slash
; another comment

[ profile node ] ; behind it
role_arn = arn:aws:iam::111122223333:role/a#b
s3 =
  max_concurrent_requests = 20
\tsignature_version = s3v4
`;
  assert.deepEqual(parsed(text), {
    "default": { region: "eu-central-1", aws_access_key_id: "AKIA1", aws_secret_access_key: "a+b/c=" },
    "profile node": { role_arn: "arn:aws:iam::111122223333:role/a#b" },
  });
  assert.deepEqual(parsed(text.replaceAll("\n", "\r\n")), parsed(text));
});

Deno.test("parseIni() puts a section's parts together, and the last of two fields stands", () => {
  assert.deepEqual(parsed("[a]\nx = 1\n[b]\nx = 2\n[a]\ny = 3\nx = 4\n"), { a: { x: "4", y: "3" }, b: { x: "2" } });
});

Deno.test("parseIni() says at which line it stops", () => {
  const cases = { "x = 1": 1, "[a]\nnonsense": 2, "[a": 1, "[a]\n= 1": 2, "[]": 1, "\n\n{}": 3 };
  for (const [text, line] of Object.entries(cases)) {
    assert.throws(() => parseIni(text), new SyntaxError(`Cannot read line ${line}.`), text);
  }
});

Deno.test("parseIni() takes no field for what every object has", () => {
  const fields = parseIni("[a]\n__proto__ = x\n").get("a") ?? {};
  assert.equal("toString" in fields, false);
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

Deno.test("readIni() reads a file, and none that is too large or no text", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/config`;
    await Deno.writeTextFile(path, "[a]\nx = 1\n");
    assert.equal((await readIni(path)).get("a")?.x, "1");
    await Deno.writeTextFile(path, `#${"x".repeat(256 * 1024)}`);
    await assert.rejects(readIni(path), { name: "TooLarge" });
    await Deno.writeFile(path, Uint8Array.of(255, 254));
    await assert.rejects(readIni(path), SyntaxError);
    await assert.rejects(readIni(`${folder}/none`), Deno.errors.NotFound);
  });
});

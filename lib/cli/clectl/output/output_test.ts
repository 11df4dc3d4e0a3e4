import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../../base/bytes.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { environmentLines } from "./environment_lines.ts";
import { visible, visibleLines } from "./visible.ts";

const field = (value: string | Uint8Array, name = "NAME"): SecretField => ({
  name,
  kind: "text",
  value: typeof value === "string" ? utf8(value) : value,
});

Deno.test("visible() writes control characters and marks of direction as \\u…", () => {
  equal(visible("a\u001b[2Jb\u009b\u202e\n"), "a\\u001b[2Jb\\u009b\\u202e\\u000a");
  equal(visible("\u{e0001}"), "\\udb40\\udc01");
  equal(visibleLines("a\tb\nc\u0007"), "a\tb\nc\\u0007");
  equal(visible("Grüße 🔑"), "Grüße 🔑");
});

Deno.test("visibleLines() of JSON is JSON of the same value", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    deepEqual(JSON.parse(visibleLines(JSON.stringify(value, null, 2))), JSON.parse(JSON.stringify(value)));
  }));
});

Deno.test("environmentLines() for a shell gives back every text without NUL, as sh reads it", async () => {
  const texts = ["", "a b", "it's", "''", "$(id)`id`\\", "two\nlines", "ü=\"'", "-n", "\u001b"];
  const file = await Deno.makeTempFile();
  try {
    for (const text of texts) {
      await Deno.writeTextFile(file, `${environmentLines([field(text)], "posix")}printf %s "$NAME"\n`);
      const { stdout } = await new Deno.Command("sh", { args: [file] }).output();
      equal(new TextDecoder().decode(stdout), text);
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("environmentLines() writes systemd's and docker's files", () => {
  equal(environmentLines([field('a"b\\c$d`\nx')], "systemd"), 'NAME="a\\"b\\\\c\\$d\\`\nx"\n');
  equal(environmentLines([field("a 'b' $c")], "docker"), "NAME=a 'b' $c\n");
});

Deno.test("environmentLines() refuses what a dialect cannot hold, and names the field alone", () => {
  const cases = [
    [field("a\u0000secret"), "posix", "NUL"],
    [field("a\u0000secret"), "systemd", "NUL"],
    [field("two\nsecret"), "docker", "line break"],
    [field("two\rsecret"), "docker", "line break"],
    [field(Uint8Array.of(0xff)), "posix", "not UTF-8"],
    [field("secret", "a-b"), "posix", "not that of a variable"],
    [field("secret", "1a"), "docker", "not that of a variable"],
  ] as const;
  for (const [one, dialect, why] of cases) {
    throws(
      () => environmentLines([one], dialect),
      (thrown) => thrown instanceof KeyringError && thrown.message.includes(why) && !thrown.message.includes("secret"),
    );
  }
});

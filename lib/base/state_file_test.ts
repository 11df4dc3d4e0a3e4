import assert from "node:assert/strict";
import { KmsError } from "./errors.ts";
import { stateFile, type StateFileFormat } from "./state_file.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

interface Colour {
  readonly colour: string;
}

const format = {
  name: "colour.json",
  content: "the colour of this node",
  format: 2,
  maxBytes: 100,
  parse: ({ colour }) => typeof colour === "string" ? { colour } : undefined,
  advice: "remove it",
} as const satisfies StateFileFormat<Colour>;

Deno.test("stateFile() reads back the written value, and creates its folder with mode 0700", () =>
  inFolder(async (folder) => {
    const file = stateFile<Colour>(`${folder}/state`, format);
    assert.equal(await file.read(), undefined);
    await file.write({ colour: "green" });
    assert.deepEqual(await file.read(), { colour: "green" });
    assert.equal(((await Deno.stat(file.path)).mode ?? 0) & 0o777, 0o600);
    assert.equal(((await Deno.stat(`${folder}/state`)).mode ?? 0) & 0o777, 0o700);
  }));

Deno.test("stateFile() distinguishes a newer format from a damaged file", () =>
  inFolder(async (folder) => {
    const file = stateFile<Colour>(folder, format);
    await Deno.writeTextFile(file.path, '{"format":3,"colour":"green","shade":1}');
    await assert.rejects(() => file.read(), {
      code: "config",
      message: /a newer version of Trousseau wrote it \(format 3, this version reads 2\)/,
    });
    for (
      const text of [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"text"',
        '{"format":"3"}',
        '{"format":1,"colour":"green"}',
        '{"format":2}',
        '{"colour":"green"}',
      ]
    ) {
      await Deno.writeTextFile(file.path, text);
      await assert.rejects(() => file.read(), (thrown) => {
        return thrown instanceof KmsError && thrown.code === "config" &&
          /the file is damaged; remove it\./.test(thrown.message);
      });
    }
  }));

Deno.test("stateFile() reads at most maxBytes, and only regular files", () =>
  inFolder(async (folder) => {
    const file = stateFile<Colour>(folder, format);
    await file.write({ colour: "g".repeat(200) });
    await assert.rejects(() => file.read(), {
      code: "config",
      message: /Cannot read the colour of this node from .*: it is larger than \d+ bytes\./,
    });
    await Deno.remove(file.path);
    await Deno.mkdir(file.path);
    await assert.rejects(
      () => file.read(),
      /Cannot read the colour of this node from .*: it is a folder, and only a regular file is read\./,
    );
  }));

Deno.test("stateFile() takes a file that is not UTF-8 for a damaged one", () =>
  inFolder(async (folder) => {
    const file = stateFile<Colour>(folder, format);
    const [before, after] = ['{"format":2,"colour":"', '"}'].map((text) => new TextEncoder().encode(text));
    await Deno.writeFile(file.path, Uint8Array.of(...before ?? [], 0xff, ...after ?? []));
    await assert.rejects(() => file.read(), { code: "config", message: /the file is damaged/ });
  }));

Deno.test("stateFile() says which file it cannot write", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const file = stateFile<Colour>(`${folder}/file`, format);
    await assert.rejects(() => file.write({ colour: "green" }), {
      name: "KmsError",
      code: "config",
      message: /^Cannot write the colour of this node to .*\/file\/colour\.json: /,
    });
  }));

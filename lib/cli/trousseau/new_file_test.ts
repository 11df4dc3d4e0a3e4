import { equal, rejects } from "node:assert/strict";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { NewFile } from "./new_file.ts";

Deno.test("NewFile contains the written text, with access for its owner only", () =>
  inFolder(async (folder) => {
    {
      await using file = await NewFile.make(`${folder}/a`, "use >");
      await file.write("é\n");
    }
    equal(await Deno.readTextFile(`${folder}/a`), "é\n");
    equal(((await Deno.stat(`${folder}/a`)).mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("NewFile never replaces an existing file, nor the target of a link", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/keys`, "keys");
    await Deno.symlink(`${folder}/absent`, `${folder}/link`);
    for (const name of ["keys", "link"]) {
      await rejects(NewFile.make(`${folder}/${name}`, "use >"), {
        code: "config",
        message: /: it is there already\.$/,
      });
    }
    equal(await Deno.readTextFile(`${folder}/keys`), "keys");
    await rejects(Deno.stat(`${folder}/absent`), Deno.errors.NotFound);
  }));

Deno.test("NewFile that is not written is removed", () =>
  inFolder(async (folder) => {
    {
      await using _file = await NewFile.make(`${folder}/a`, "use >");
    }
    await rejects(Deno.stat(`${folder}/a`), Deno.errors.NotFound);
  }));

Deno.test("NewFile reports the system's reason for a refusal as text", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await rejects(NewFile.make(`${folder}/absent/a`, "use >"), {
      message: /: there is no such file or folder; make its folder first\.$/,
    });
    await rejects(NewFile.make(`${folder}/file/a`, "use >"), {
      message: /: a part of its path is a file, not a folder\.$/,
    });
  }));

import { deepEqual, equal, rejects } from "node:assert/strict";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { streamToFile } from "./stream_to_file.ts";

const parts = [new Uint8Array(70_000).fill(1), Uint8Array.of(2, 3)];

Deno.test("streamToFile() writes all bytes with mode 0600, and replaces a file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/backup`;
    await Deno.writeTextFile(path, "old");
    await streamToFile(path, ReadableStream.from(parts));
    deepEqual(await Deno.readFile(path), new Uint8Array([...parts[0] ?? [], 2, 3]));
    equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("streamToFile() refuses a file that does not hold what was written, and leaves the old one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/backup`;
    await Deno.writeTextFile(path, "old");
    async function* damaged() {
      yield* parts;
      // A disk that has lost a byte.
      for await (const { name } of Deno.readDir(folder)) {
        if (name.endsWith(".tmp")) await Deno.truncate(`${folder}/${name}`, 70_001);
      }
    }
    await rejects(streamToFile(path, damaged()), {
      code: "config",
      message: `Cannot write ${path}: the file reads back as other bytes than were written; look at the disk.`,
    });
    equal(await Deno.readTextFile(path), "old");
    equal((await Array.fromAsync(Deno.readDir(folder))).length, 1);
  }));

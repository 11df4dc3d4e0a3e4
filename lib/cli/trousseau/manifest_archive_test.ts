import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { concat } from "../../base/bytes.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import type { ByteOutput } from "./byte_output.ts";
import { ManifestArchive } from "./manifest_archive.ts";

/** GNU tar's answer about an archive. */
async function tar(archive: Uint8Array, folder: string, ...args: string[]) {
  await Deno.writeFile(`${folder}/a.tar`, archive);
  const command = new Deno.Command("tar", {
    args: [...args, "-f", `${folder}/a.tar`],
    cwd: folder,
    env: { TZ: "UTC" },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

function memory(): ByteOutput & { readonly parts: Uint8Array[] } {
  const parts: Uint8Array[] = [];
  return { isTerminal: false, parts, write: (bytes) => void parts.push(bytes.slice()) };
}

Deno.test("ManifestArchive.add() writes files that GNU tar lists and extracts: mode 600, owner 0, of 1970", async () => {
  const output = memory();
  const archive = new ManifestArchive(output);
  const texts = new Map([
    ["default/Secret/db.yaml", "a: ä\n"],
    [`${"n".repeat(63)}/${"K".repeat(255)}/${"x".repeat(250)}.yaml`, "b".repeat(70_000)],
    ["a/Secret/empty.yaml", ""],
    ["a/Secret/block.yaml", "c".repeat(512)],
  ]);
  for (const [path, text] of texts) await archive.add(path, text);
  await archive.finish();
  await inFolder(async (folder) => {
    const listed = await tar(concat(...output.parts), folder, "--numeric-owner", "--full-time", "-tv");
    deepEqual([listed.code, listed.err], [0, ""]);
    const rows = listed.out.trim().split("\n").map((row) => row.split(/ +/));
    deepEqual(rows.map((row) => row[5]), [...texts.keys()]);
    for (const [mode, owner, , day, time] of rows) {
      deepEqual([mode, owner, day, time], ["-rw-------", "0/0", "1970-01-01", "00:00:00"]);
    }
    deepEqual((await tar(concat(...output.parts), folder, "-x")).err, "");
    for (const [path, text] of texts) equal(await Deno.readTextFile(`${folder}/${path}`), text);
  });
});

Deno.test("ManifestArchive without finish() is one that tar calls incomplete, after each of its files", async () => {
  const output = memory();
  const archive = new ManifestArchive(output);
  const lengths = [1, 255, 256, 257, 511, 512, 513, 1_024, 2_000, 100_000];
  for (const [at, length] of lengths.entries()) {
    await archive.add(`a/Secret/${at}.yaml`, "b".repeat(length));
    await inFolder(async (folder) => {
      const { code, out, err } = await tar(concat(...output.parts), folder, "-t");
      deepEqual([code, out.trim().split("\n").length], [2, at + 1], `${length} bytes`);
      match(err, /Unexpected EOF in archive/);
    });
  }
  equal(output.parts.length, lengths.length, "a file is one write, so that it ends between two of them nowhere else");
  await archive.finish();
  await inFolder(async (folder) => {
    const { code, out, err } = await tar(concat(...output.parts), folder, "-t");
    deepEqual([code, out.trim().split("\n").length, err], [0, lengths.length, ""]);
  });
});

Deno.test("ManifestArchive.finish() ends an archive without files", async () => {
  const output = memory();
  await new ManifestArchive(output).finish();
  await inFolder(async (folder) => {
    const { code, out, err } = await tar(concat(...output.parts), folder, "-t");
    deepEqual([code, out, err], [0, "", ""]);
  });
});

Deno.test("ManifestArchive.finish() throws what the output threw", async () => {
  const full = new Deno.errors.WriteZero("no space left");
  const archive = new ManifestArchive({
    isTerminal: false,
    write() {
      throw full;
    },
  });
  await rejects(async () => {
    for (let at = 0; at < 100; at++) await archive.add(`a/Secret/${at}.yaml`, "x".repeat(1_000_000));
    await archive.finish();
  }, full);
});

Deno.test("ManifestArchive.add() keeps no file in memory", async () => {
  let [inFlight, most, written] = [0, 0, 0];
  const archive = new ManifestArchive({
    isTerminal: false,
    write(bytes) {
      written += bytes.length;
      inFlight -= bytes.length;
    },
  });
  const text = "x".repeat(1_000_000);
  for (let at = 0; at < 60; at++) {
    inFlight += text.length;
    await archive.add(`a/Secret/${at}.yaml`, text);
    most = Math.max(most, inFlight);
  }
  await archive.finish();
  equal(written > 60_000_000, true);
  equal(most < 20_000_000, true, `${most} bytes were kept`);
});

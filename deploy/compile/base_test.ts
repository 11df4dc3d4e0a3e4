import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { givenFor, provideBase, refuseOtherFile } from "./base.ts";
import { addDenortSum, denortSum } from "./denort_sums.ts";
import type { Architecture } from "./targets.ts";
import { inTemporaryFolder } from "./temporary.ts";

/** A file with the ELF header of a machine. */
function program(machine: number, text = ""): Uint8Array {
  const bytes = new Uint8Array(64 + text.length);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  bytes[18] = machine;
  bytes.set(new TextEncoder().encode(text), 64);
  return bytes;
}

const [amd64, arm64] = [0x3e, 0xb7];

/** A call of {@linkcode provideBase} with a given file and a checkout with a table of sums. */
type Provide = (options?: { architecture?: Architecture; standIn?: boolean }) => ReturnType<typeof provideBase>;

async function withDenort(
  bytes: Uint8Array,
  sum: string | null,
  work: (provide: Provide, root: string) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder({}, async (root) => {
    await Deno.mkdir(join(root, "deploy/compile"), { recursive: true });
    await Deno.mkdir(join(root, "base"));
    const table = JSON.stringify({ [Deno.version.deno]: { amd64: sum, arm64: null } });
    await Deno.writeTextFile(join(root, "deploy/compile/denort.json"), table);
    const given = join(root, "given");
    await Deno.writeFile(given, bytes);
    const common = { folder: join(root, "base"), root, given } as const;
    await work((options = {}) => provideBase({ architecture: "amd64", ...options, ...common }), root);
  });
}

const denort = program(amd64, "denort");
const sum = createHash("sha256").update(denort).digest("hex");

Deno.test("provideBase() copies the file of the table, and tells its sum, size and header", async () => {
  await withDenort(denort, sum, async (base) => {
    const found = await base();
    assert.deepEqual([found.sha256, found.size, found.standIn], [sum, denort.length, false]);
    assert.deepEqual(found.header, denort.subarray(0, 64));
    assert.deepEqual(await Deno.readFile(found.path), denort);
    assert.match(found.path, /\/base\/denort-amd64$/);
  });
});

Deno.test("provideBase() refuses a file that the table does not have, and says how to add it", async () => {
  await withDenort(denort, null, async (base) => {
    await assert.rejects(
      base(),
      new RegExp(`denort.json has no SHA-256 of denort .* is ${sum}.*deno task denort --add`),
    );
  });
});

Deno.test("provideBase() refuses a file of another sum than the table's", async () => {
  await withDenort(denort, "0".repeat(64), async (base) => {
    await assert.rejects(base(), new RegExp(`its SHA-256 is ${sum}, and that of denort .* for amd64 is 0{64}`));
  });
});

Deno.test("provideBase() refuses the deno CLI and a file of no machine, unless a stand-in is asked for", async () => {
  const cli = program(amd64, "panicked at cli/tools/run.rs");
  await withDenort(cli, createHash("sha256").update(cli).digest("hex"), async (base) => {
    await assert.rejects(base(), /it is the deno CLI and not denort/);
    assert.equal((await base({ standIn: true })).standIn, true);
  });
  await withDenort(program(arm64), sum, async (base) => {
    assert.equal((await base({ architecture: "arm64", standIn: true })).standIn, true);
  });
  await withDenort(new Uint8Array(100), sum, async (base) => {
    await assert.rejects(base(), /it is no program, not for amd64/);
  });
});

Deno.test("givenFor() takes a file for the machine in its header alone, and lets a file of no machine be refused", async () => {
  await inTemporaryFolder({}, async (folder) => {
    const files = { amd64: program(amd64), arm64: program(arm64), other: new Uint8Array(100) };
    for (const [name, bytes] of Object.entries(files)) await Deno.writeFile(join(folder, name), bytes);
    const taken = async (architecture: Architecture) =>
      await Promise.all(
        ["amd64", "arm64", "other"].map(async (name) => await givenFor(architecture, join(folder, name)) !== undefined),
      );
    assert.deepEqual(await taken("amd64"), [true, false, true]);
    assert.deepEqual(await taken("arm64"), [false, true, true]);
    assert.equal(await givenFor("amd64", undefined), undefined);
    await assert.rejects(givenFor("amd64", join(folder, "absent")), Deno.errors.NotFound);
  });
});

Deno.test("refuseOtherFile() refuses a file for another machine", () => {
  assert.throws(() => refuseOtherFile(program(arm64), "denort", "amd64"), /it is for arm64, not for amd64/);
});

Deno.test("addDenortSum() keeps the other sums, and a broken table is refused", async () => {
  await withDenort(denort, sum, async (_, root) => {
    await addDenortSum(root, "arm64", "1".repeat(64));
    assert.deepEqual([await denortSum(root, "amd64"), await denortSum(root, "arm64")], [sum, "1".repeat(64)]);
    await Deno.writeTextFile(join(root, "deploy/compile/denort.json"), '{"2.9.6":{"amd64":"short","arm64":null}}');
    await assert.rejects(denortSum(root, "amd64"), /a row needs a SHA-256 or null/);
  });
});

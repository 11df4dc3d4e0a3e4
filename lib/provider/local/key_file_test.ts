import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { utf8, utf8Text } from "../../base/bytes.ts";
import { makeFifo } from "../../../tests/support/fifo.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { markedFrom } from "./check_value.ts";
import { encodeKeyFile, newLocalKey, parseKeyFile, readKeyFile, stampOf, stampOfKeyFile } from "./key_file.ts";

const first = newLocalKey();
const keys = [first, newLocalKey(first)];
const whole = encodeKeyFile(keys);

/** What a file with this one key, changed in one place, is parsed to. */
function parsedWith(change: Record<string, unknown>) {
  const row = { id: first.id, createdAt: "2026-01-31T12:00:00.000Z", key: first.material.toBase64(), ...change };
  return parseKeyFile(utf8(JSON.stringify({ format: 1, keys: [row] })));
}

Deno.test("parseKeyFile() gives back what encodeKeyFile() wrote", () => {
  assert.deepEqual(parseKeyFile(whole), keys);
});

Deno.test("parseKeyFile() refuses every truncation", () => {
  const end = whole.length - 2;
  for (let length = 0; length < end; length++) {
    assert.equal(typeof parseKeyFile(whole.subarray(0, length)), "string", `${length}`);
  }
});

Deno.test("parseKeyFile() is total, and says nothing of what the file holds", () => {
  fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (bytes) => {
    assert.equal(typeof parseKeyFile(bytes), "string");
  }));
  for (const material of ["c2VjcmV0", 7, null]) {
    const why = parsedWith({ key: material });
    assert.ok(typeof why === "string" && !why.includes("c2VjcmV0"));
  }
});

Deno.test("parseKeyFile() refuses each field that is missing, foreign, of another type or not canonical", () => {
  assert.equal(typeof parsedWith({}), "object", "unchanged it is well formed");
  const base64 = first.material.toBase64();
  for (
    const change of [
      { id: first.id.toUpperCase() + "G" },
      { id: first.id.slice(1) },
      { id: 7 },
      { id: undefined },
      { createdAt: "2026-01-31" },
      { createdAt: "2026-02-31T12:00:00.000Z" },
      { createdAt: 1 },
      { key: base64.replace("=", "") },
      { key: ` ${base64}` },
      { key: new Uint8Array(31).toBase64() },
      { key: new Uint8Array(33).toBase64() },
      { more: 1 },
    ]
  ) assert.equal(typeof parsedWith(change), "string", JSON.stringify(change));
});

Deno.test("parseKeyFile() refuses another format, no keys, too many, equal IDs and ages out of order", () => {
  const root = JSON.parse(utf8Text(whole) ?? "");
  const [one, two] = root.keys;
  const many = Array.from({ length: 1001 }, () => one);
  for (
    const [change, why] of [
      [{ format: 2 }, /format 1/],
      [{ keys: [] }, /no key/],
      [{ keys: many }, /more than 1000/],
      [{ keys: [one, { ...two, id: one.id }] }, /keys\[1\] has the id of another/],
      [{ keys: [two, one] }, /keys\[1\] is not the younger/],
      [{ extra: 1 }, /alone/],
    ] as const
  ) assert.match(String(parseKeyFile(utf8(JSON.stringify({ ...root, ...change })))), why);
});

/** A file as b6d3b61 wrote it: the id is random and the time is any. */
const older = {
  format: 1,
  keys: [{
    id: "0123456789abcdef",
    createdAt: "2026-01-31T12:00:00.000Z",
    key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
  }],
};

Deno.test("parseKeyFile() refuses a new key with one changed character of its key or of its id", () => {
  const { keys: [row] } = JSON.parse(utf8Text(encodeKeyFile([first])) ?? "");
  const parsed = (change: Record<string, unknown>) =>
    parseKeyFile(utf8(JSON.stringify({ format: 1, keys: [{ ...row, ...change }] })));
  assert.equal(typeof parsed({}), "object");
  // The last character of the base64 carries four bits, so that not every change of it is canonical.
  for (let at = 0; at < 42; at++) {
    const changed = row.key[at] === "A" ? "B" : "A";
    const why = parsed({ key: row.key.slice(0, at) + changed + row.key.slice(at + 1) });
    assert.match(String(why), /keys\[0\] has an id that does not fit its key/, `character ${at} of the key`);
  }
  for (let at = 0; at < 16; at++) {
    const changed = row.id[at] === "a" ? "b" : "a";
    const why = parsed({ id: row.id.slice(0, at) + changed + row.id.slice(at + 1) });
    assert.match(String(why), /keys\[0\] has an id that does not fit its key/, `character ${at} of the id`);
  }
});

Deno.test("parseKeyFile() takes older keys as they are, alone and between new ones", () => {
  const alone = parseKeyFile(utf8(JSON.stringify(older)));
  assert.ok(typeof alone === "object" && alone[0]?.id === "0123456789abcdef");
  const [old] = alone;
  const mixed = [old, newLocalKey(old)];
  // As b6d3b61 rotates: one millisecond after the last key, where the clock was set back.
  const last = mixed[1]?.createdAt ?? 0;
  const appended = { id: "fedcba9876543210", createdAt: last + 1, material: first.material };
  const all = [...mixed, appended, newLocalKey(appended)];
  assert.deepEqual(parseKeyFile(encodeKeyFile(all)), all);
});

Deno.test("newLocalKey() is younger than the last key though the clock was set back", () => {
  const ahead = { ...first, createdAt: Date.now() + 3_600_000 };
  assert.ok(newLocalKey(ahead).createdAt > ahead.createdAt);
  assert.equal(first.material.length, 32);
});

Deno.test("readKeyFile() refuses what others may open, what is no file, and what is too large", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "local.keys");
  await Deno.writeFile(path, whole, { mode: 0o600 });
  assert.equal((await readKeyFile(path)).problem, false);
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644, 0o777]) {
    await Deno.chmod(path, mode);
    const found = await readKeyFile(path);
    assert.ok(found.problem && found.code === "key_unusable" && found.why.includes("chmod 600"), mode.toString(8));
  }
  await Deno.chmod(path, 0o400);
  assert.equal((await readKeyFile(path)).problem, false);

  await Deno.symlink(path, join(folder, "link"));
  for (const [name, code] of [["link", "key_unusable"], [".", "key_unusable"], ["absent", "key_unknown"]] as const) {
    const found = await readKeyFile(join(folder, name));
    assert.ok(found.problem && found.code === code, name);
  }
  await Deno.chmod(path, 0o600);
  await Deno.truncate(path, 1_048_577);
  const found = await readKeyFile(path);
  assert.ok(found.problem && found.code === "provider_protocol");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("readKeyFile() says that a file is empty, and that a folder is none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "local.keys");
    await Deno.writeTextFile(path, "", { mode: 0o600 });
    const why = async (one: string) => {
      const found = await readKeyFile(one);
      return found.problem ? `${found.code}: ${found.why}` : "";
    };
    assert.equal(await why(path), `provider_protocol: the key file "${path}" is empty; put it back from a backup`);
    assert.equal(await why(folder), `key_unusable: the key file "${folder}" is a folder; name a file in it`);
    assert.match(
      await why(join(path, "x")),
      /^unreachable: .* cannot be read: a part of its path is a file, not a folder$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("encodeKeyFile() writes JSON that a person can read", () => {
  const rows = keys.map(({ id, createdAt, material }) =>
    `    {
      "id": "${id}",
      "createdAt": "${new Date(createdAt).toISOString()}",
      "key": "${material.toBase64()}"
    }`
  );
  assert.equal(utf8Text(whole), `{\n  "format": 1,\n  "keys": [\n${rows.join(",\n")}\n  ]\n}\n`);
});

Deno.test("newLocalKey() is made at the first marked instant after the last key", () => {
  const marked = markedFrom(Date.now() + 3_600_000);
  assert.equal(newLocalKey({ ...first, createdAt: marked - 1 }).createdAt, marked);
  assert.ok(newLocalKey({ ...first, createdAt: marked }).createdAt > marked);
});

/** Keys with random IDs, as older versions made them, at these times. */
function made(...times: readonly number[]): string | number {
  const all = times.map((createdAt, index) => ({
    id: `${index}`.padStart(16, "0"),
    createdAt,
    material: first.material,
  }));
  const found = parseKeyFile(encodeKeyFile(all));
  return typeof found === "string" ? found : found.length;
}

Deno.test("parseKeyFile() takes 1,000 keys, each younger than the one before it and none of before 1970", () => {
  const from = Date.parse("2026-01-31T12:00:00.000Z");
  assert.equal(made(...Array.from({ length: 1000 }, (_, index) => from + index)), 1000);
  assert.equal(made(from, from), "is malformed: keys[1] is not the younger one");
  assert.deepEqual([made(0), made(-1)], [1, "is malformed: keys[0] is not the younger one"]);
});

Deno.test("readKeyFile() reads 1 MiB at most, and says what is wrong with what it has read", () =>
  inFolder(async (folder) => {
    const path = join(folder, "local.keys");
    const said = async (text: string, size?: number) => {
      await Deno.writeTextFile(path, text, { mode: 0o600 });
      if (size !== undefined) await Deno.truncate(path, size);
      const found = await readKeyFile(path);
      return found.problem ? `${found.code}: ${found.why.replace(path, "X")}` : found.keys.length;
    };
    const damaged =
      'provider_protocol: the key file "X" is not a key file: it must hold `format` and `keys` alone; put it back from a backup';
    assert.equal(await said("{}", 1_048_576), damaged);
    assert.equal(await said("{}", 1_048_577), 'provider_protocol: the key file "X" is too large for a key file');
    assert.equal(
      await said('{"format":2,"keys":[]}'),
      'provider_protocol: the key file "X" has a format that this version does not know (it knows format 1); ' +
        "start the version that wrote it",
    );
    assert.equal(await said(utf8Text(whole) ?? ""), 2);
  }));

Deno.test("readKeyFile() says whether it found a symlink, a pipe, or a file that is open to others", () =>
  inFolder(async (folder) => {
    const path = join(folder, "local.keys");
    const said = async () => {
      const [found, stamp] = [await readKeyFile(path), await stampOfKeyFile(path)];
      assert.ok(found.problem);
      assert.deepEqual(stamp, found);
      await Deno.remove(path);
      return `${found.code}: ${found.why.replace(path, "X")}`;
    };
    await Deno.symlink("/dev/null", path);
    assert.equal(await said(), 'key_unusable: the key file "X" is a symlink; name the file itself instead');
    await makeFifo(path);
    assert.equal(await said(), 'key_unusable: the key file "X" is not a regular file');
    await Deno.writeFile(path, whole);
    await Deno.chmod(path, 0o640);
    assert.equal(
      await said(),
      'key_unusable: the key file "X" is open to others than its owner (mode 0640); run `chmod 600` on it, ' +
        "and rotate if it may have been read",
    );
  }));

/** Reads the key file while `swap` runs after each look at it, before it is opened. */
async function readWhile(path: string, swap: (look: number) => Promise<void>) {
  const { lstat } = Deno;
  let looks = 0;
  Deno.lstat = async (one) => {
    const info = await lstat(one);
    if (one === path) await swap(++looks);
    return info;
  };
  try {
    return { read: await readKeyFile(path), looks };
  } finally {
    Deno.lstat = lstat;
  }
}

Deno.test("readKeyFile() reads a file that is replaced between the look and the opening as it is afterwards", () =>
  inFolder(async (folder) => {
    const path = join(folder, "local.keys");
    for (const replaced of [1, 2]) {
      await Deno.writeFile(path, encodeKeyFile([first]), { mode: 0o600 });
      const { read, looks } = await readWhile(path, async (look) => {
        if (look > replaced) return;
        await Deno.writeFile(`${path}.new`, whole, { mode: 0o600 });
        await Deno.rename(`${path}.new`, path);
      });
      assert.ok(!read.problem);
      assert.deepEqual([looks, read.keys, read.stamp], [replaced + 1, keys, await stampOfKeyFile(path)]);
    }
  }));

Deno.test("readKeyFile() refuses a symlink that comes in the place of the file between the look and the opening", () =>
  inFolder(async (folder) => {
    const [path, target] = [join(folder, "local.keys"), join(folder, "target")];
    for (const one of [path, target]) await Deno.writeFile(one, whole, { mode: 0o600 });
    const { read, looks } = await readWhile(path, async (look) => {
      if (look > 1) return;
      await Deno.symlink(target, `${path}.new`);
      await Deno.rename(`${path}.new`, path);
    });
    assert.equal(looks, 2);
    assert.ok(read.problem && read.code === "key_unusable" && read.why.includes("is a symlink"));
  }));

Deno.test("readKeyFile() gives up on a file that is replaced between each look and the opening", () =>
  inFolder(async (folder) => {
    const path = join(folder, "local.keys");
    await Deno.writeFile(path, whole, { mode: 0o600 });
    const { read, looks } = await readWhile(path, async () => {
      await Deno.writeFile(`${path}.new`, whole, { mode: 0o600 });
      await Deno.rename(`${path}.new`, path);
    });
    const why = `the key file "${path}" changes faster than it can be read`;
    assert.deepEqual([looks, read], [3, { problem: true, code: "unreachable", why }]);
  }));

/** Runs `work` while `Deno.lstat` gives the information about the file with `change`, or throws it. */
async function withLstat<T>(change: Partial<Deno.FileInfo> | Error, work: () => Promise<T>): Promise<T> {
  const { lstat } = Deno;
  Deno.lstat = async (one) => {
    if (change instanceof Error) throw change;
    return { ...await lstat(one), ...change };
  };
  try {
    return await work();
  } finally {
    Deno.lstat = lstat;
  }
}

Deno.test("stampOfKeyFile() and readKeyFile() refuse a file whose mode is unknown", () =>
  inFolder(async (folder) => {
    const path = join(folder, "local.keys");
    await Deno.writeFile(path, whole, { mode: 0o600 });
    for (const examine of [stampOfKeyFile, readKeyFile]) {
      const read = await withLstat({ mode: null }, async () => await examine(path));
      assert.ok(typeof read === "object" && read.problem && read.code === "key_unusable");
      assert.match(read.why, /open to others than its owner \(mode 0777\)/);
    }
  }));

Deno.test("readKeyFile() distinguishes a file that it may not read from one that cannot be reached", async () => {
  const refused = Object.assign(new Error("EACCES"), { code: "EACCES" });
  for (
    const [thrown, code] of [
      [new Deno.errors.PermissionDenied("x"), "permission_denied"],
      [refused, "permission_denied"],
      [new Deno.errors.NotCapable("x"), "permission_denied"],
      [new Deno.errors.NotFound("x"), "key_unknown"],
      [new Deno.errors.Interrupted("x"), "unreachable"],
    ] as const
  ) {
    const read = await withLstat(thrown, () => readKeyFile("/nowhere/local.keys"));
    assert.ok(read.problem);
    assert.equal(read.code, code, thrown.name);
  }
});

Deno.test("readKeyFile() refuses a file that becomes shorter while it is read", () =>
  inFolder(async (folder) => {
    const path = join(folder, "local.keys");
    await Deno.writeFile(path, whole, { mode: 0o600 });
    const { stat } = Deno.FsFile.prototype;
    Deno.FsFile.prototype.stat = async function () {
      const info = await stat.call(this);
      await Deno.truncate(path, whole.length - 10);
      return info;
    };
    try {
      const read = await readKeyFile(path);
      assert.ok(read.problem && read.code === "provider_protocol");
    } finally {
      Deno.FsFile.prototype.stat = stat;
    }
  }));

Deno.test("stampOfKeyFile() is the stamp that readKeyFile() gives, until anything about the file changes", () =>
  inFolder(async (folder) => {
    const path = join(folder, "local.keys");
    await Deno.writeFile(path, whole, { mode: 0o600 });
    const found = await readKeyFile(path);
    assert.ok(!found.problem);
    assert.equal(await stampOfKeyFile(path), found.stamp);
    const { info } = found;
    const [time, other] = [new Date(1), new Date(2)];
    const base = { ...info, dev: 1, ino: 2, size: 3, mode: 4, mtime: time, ctime: time };
    const others = [{ dev: 9 }, { ino: 9 }, { size: 9 }, { mode: 9 }, { mtime: other }, { ctime: other }];
    const stamps = [base, ...others.map((change) => ({ ...base, ...change }))].map(stampOf);
    assert.equal(new Set(stamps).size, stamps.length);
    assert.equal(stampOf({ ...base }), stampOf(base));
  }));

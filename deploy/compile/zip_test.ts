import assert from "node:assert/strict";
import { crc32, deflateRawSync } from "node:zlib";
import { readZipEntry } from "./zip.ts";

const content = new TextEncoder().encode("denort ".repeat(100));

/** An archive with one file, in the layout that `zip` writes. */
function zip(name: string, bytes: Uint8Array, method = 8, sum = crc32(bytes)): Uint8Array<ArrayBuffer> {
  const packed = method === 8 ? deflateRawSync(bytes) : bytes;
  const file = new TextEncoder().encode(name);
  const common = [
    u16(20),
    u16(0),
    u16(method),
    u32(0),
    u32(sum),
    u32(packed.length),
    u32(bytes.length),
    u16(file.length),
  ];
  const local = [u32(0x04034b50), ...common, u16(0), file, packed].flatMap((part) => [...part]);
  const central = [u32(0x02014b50), u16(20), ...common, u16(0), u16(0), u16(0), u16(0), u32(0), u32(0), file];
  const list = central.flatMap((part) => [...part]);
  const end = [u32(0x06054b50), u16(0), u16(0), u16(1), u16(1), u32(list.length), u32(local.length), u16(0)];
  return new Uint8Array([...local, ...list, ...end.flatMap((part) => [...part])]);
}

const u16 = (value: number) => new Uint8Array(new Uint16Array([value]).buffer);
const u32 = (value: number) => new Uint8Array(new Uint32Array([value]).buffer);

Deno.test("readZipEntry() reads a file that is deflated, and one that is stored", () => {
  for (const method of [0, 8]) {
    assert.deepEqual(new Uint8Array(readZipEntry(zip("denort", content, method), "denort")), content);
  }
});

Deno.test("readZipEntry() refuses another name, method, checksum, and a file that is no archive", () => {
  assert.throws(
    () => readZipEntry(zip("deno", content), "denort"),
    /^Error: Cannot read denort from the ZIP archive: there is no/,
  );
  assert.throws(() => readZipEntry(zip("denort", content, 12), "denort"), /packed by method 12/);
  assert.throws(() => readZipEntry(zip("denort", content, 8, 1), "denort"), /checksum does not hold/);
  assert.throws(() => readZipEntry(new Uint8Array(100), "denort"), /it is no ZIP archive/);
});

Deno.test("readZipEntry() refuses an archive that is cut off or changed at any byte, or reads the same", () => {
  const whole = zip("denort", content);
  for (let at = 0; at < whole.length; at++) {
    assert.throws(() => readZipEntry(whole.slice(0, at), "denort"), /^Error: Cannot read denort/);
    const changed = whole.slice();
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    let read: Uint8Array | undefined;
    try {
      read = readZipEntry(changed, "denort");
    } catch (thrown) {
      assert.match(String(thrown), /^Error: Cannot read denort/);
    }
    if (read !== undefined) assert.deepEqual(new Uint8Array(read), content, `byte ${at}`);
  }
});

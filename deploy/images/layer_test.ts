import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { unpackTar } from "modern-tar";
import { sha256Hex, utf8 } from "../../lib/base/bytes.ts";
import { type LayerEntry, makeLayer } from "./layer.ts";

const time = 1_700_000_000;

const file = (name: string, text = "", mode = 0o644): LayerEntry => ({ name, type: "file", mode, body: utf8(text) });

async function headersOf(entries: readonly LayerEntry[]) {
  const { blob } = await makeLayer("a test", entries, time);
  return (await unpackTar(gunzipSync(blob), { strict: true })).map(({ header }) => header);
}

Deno.test("makeLayer() sorts its entries, makes the folders above them, and gives each the time and the owner", async () => {
  const headers = await headersOf([
    file("usr/bin/run", "x", 0o555),
    { name: "bin", type: "symlink", linkname: "usr/bin" },
    { name: "home/nonroot", type: "directory", mode: 0o700, owner: 65532 },
    { name: "tmp", type: "directory", mode: 0o1777 },
  ]);
  assert.deepEqual(headers.map(({ name, type, mode, uid, gid }) => [name, type, mode?.toString(8), uid, gid]), [
    ["bin", "symlink", "777", 0, 0],
    ["home/", "directory", "755", 0, 0],
    ["home/nonroot/", "directory", "700", 65532, 65532],
    ["tmp/", "directory", "1777", 0, 0],
    ["usr/", "directory", "755", 0, 0],
    ["usr/bin/", "directory", "755", 0, 0],
    ["usr/bin/run", "file", "555", 0, 0],
  ]);
  assert.equal(headers[0]?.linkname, "usr/bin");
  for (const { mtime, uname = "", gname = "" } of headers) {
    assert.deepEqual([mtime?.getTime(), uname, gname], [time * 1000, "", ""]);
  }
});

Deno.test("makeLayer() gives the same bytes from the same entries in any order, and no time in gzip's header", async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,2}-[0-9]{1,4}$/), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(names, fc.infiniteStream(fc.nat()), async (given, order) => {
      const entries = given.map((name) => file(name, name));
      const ranked = entries.map((entry) => [order.next().value ?? 0, entry] as const);
      const shuffled = ranked.toSorted(([one], [other]) => one - other).map(([, entry]) => entry);
      const [one, other] = [await makeLayer("a", entries, time), await makeLayer("a", shuffled, time)];
      assert.deepEqual(one, other);
      assert.deepEqual([...one.blob.subarray(4, 8)], [0, 0, 0, 0]);
      assert.equal(one.diffId, sha256Hex(gunzipSync(one.blob)));
    }),
    { numRuns: 50 },
  );
});

const refusals: Readonly<Record<string, readonly [readonly LayerEntry[], RegExp]>> = {
  "a path that leads upwards": [[file("../etc/passwd")], /"\.\.\/etc\/passwd" is no path in an image/],
  "a path with a step upwards inside": [[file("usr/../../x")], /is no path in an image/],
  "an absolute path": [[file("/etc/passwd")], /is no path in an image/],
  "a path with an empty part": [[file("usr//x")], /is no path in an image/],
  "an empty path": [[file("")], /is no path in an image/],
  "a path that stands twice": [[file("a"), file("a")], /a stands in it twice/],
  "a file below a file": [[file("a"), file("a/b")], /a\/b lies below a, which is no folder/],
  "a file below a link": [
    [{ name: "lib", type: "symlink", linkname: "usr/lib" }, file("lib/x/y")],
    /lib\/x\/y lies below lib, which is no folder/,
  ],
};

for (const [name, [entries, message]] of Object.entries(refusals)) {
  Deno.test(`makeLayer() refuses ${name}`, async () => {
    await assert.rejects(makeLayer("a test", entries, time), message);
  });
}

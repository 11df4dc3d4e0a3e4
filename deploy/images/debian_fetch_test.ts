import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256Hex, utf8 } from "../../lib/base/bytes.ts";
import { serveMirror } from "../../tests/support/tiny_debian.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { debianFileName, fetchDebian } from "./debian_fetch.ts";
import type { DebianPackage } from "./debian_table.ts";

const content = utf8("the bytes of a package\n");
const wanted: DebianPackage = {
  name: "libc6",
  architecture: "arm64",
  version: "1.0-1",
  archive: "debian-security",
  path: "pool/updates/main/libc6_1.0-1_arm64.deb",
  size: content.length,
  sha256: sha256Hex(content),
};
const address = `/${wanted.archive}/${wanted.path}`;
const signal = () => AbortSignal.timeout(60_000);

/** A fetch of `wanted` from a mirror that answers like this. */
async function withAnswer(
  answer: () => Response,
  work: (
    fetched: (more?: { timeoutMs?: number; signal?: AbortSignal }) => Promise<string>,
    folder: string,
  ) => Promise<void>,
): Promise<readonly string[]> {
  await using mirror = serveMirror("/nonexistent", answer);
  await inFolder(async (parent) => {
    const folder = join(parent, "cache");
    await work(({ signal: given = signal(), ...more } = {}) => {
      return fetchDebian(wanted, { folder, mirror: () => Promise.resolve(mirror.address), ...more }, given);
    }, folder);
  });
  return mirror.asked;
}

Deno.test("fetchDebian() fetches a package once, keeps it, and asks no mirror for it again", async () => {
  const asked = await withAnswer(() => new Response(content.slice()), async (fetched, folder) => {
    const path = await fetched();
    assert.equal(path, join(folder, debianFileName(wanted)));
    assert.deepEqual(await Deno.readFile(path), content);
    assert.equal(await fetched(), path);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [debianFileName(wanted)]);
  });
  assert.deepEqual(asked, [address]);
});

Deno.test("fetchDebian() refuses a kept file that was changed", async () => {
  await withAnswer(() => new Response(content.slice()), async (fetched) => {
    const path = await fetched();
    await Deno.writeTextFile(path, "changed");
    await assert.rejects(fetched(), { message: /^Cannot use .*: it differs from the SHA-256 in its name\. Remove it/ });
  });
});

const refusals: Readonly<Record<string, readonly [answer: () => Response, message: RegExp]>> = {
  "a package that is not served any more": [
    () => new Response("", { status: 404 }),
    /^Cannot fetch libc6 1\.0-1 for arm64: the mirror does not serve http:.* any more\. Renew deploy\/images\/debian\.json with deno task debian --update, or put the file at .*\.deb\.$/,
  ],
  "another file of the same size": [
    () => new Response(content.map((byte) => byte ^ 1)),
    /its SHA-256 is not that of libc6 1\.0-1 for arm64 in deploy\/images\/debian\.json\.$/,
  ],
  "a longer file": [() => new Response(new Uint8Array(1024 * 1024)), /its SHA-256 is not that of/],
  "half a file": [() => new Response(content.slice(0, 5)), /its SHA-256 is not that of/],
  "an error of the mirror": [
    () => new Response("", { status: 503 }),
    /^Cannot fetch libc6 1\.0-1 for arm64 from http:.*: the mirror answers with status 503\. Try again, or put the file at/,
  ],
};

for (const [name, [answer, message]] of Object.entries(refusals)) {
  Deno.test(`fetchDebian() refuses ${name}, and keeps nothing`, async () => {
    await withAnswer(answer, async (fetched, folder) => {
      await assert.rejects(fetched(), { message });
      assert.deepEqual(await Deno.readDir(folder)[Symbol.asyncIterator]().next().catch(() => undefined), undefined);
    });
  });
}

/** An answer whose body stops after some bytes and does not end. */
function hanging(): Response {
  return new Response(
    new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(content.slice(0, 5)) }),
  );
}

Deno.test("fetchDebian() ends at its time where a mirror hangs, and where it is told to stop", async () => {
  await withAnswer(hanging, async (fetched) => {
    await assert.rejects(fetched({ timeoutMs: 200 }), { message: /: no answer came in 0\.2 seconds\. Try again/ });
    const stop = new AbortController();
    const ended = assert.rejects(fetched({ signal: stop.signal }), /stopped by a test/);
    stop.abort(new Error("stopped by a test"));
    await ended;
  });
});

Deno.test("fetchDebian() says that a mirror refuses the connection, and does not ask for one without need", async () => {
  const mirror = serveMirror("/nonexistent");
  await mirror[Symbol.asyncDispose]();
  await inFolder(async (folder) => {
    const from = { folder, mirror: () => Promise.resolve(mirror.address) };
    await assert.rejects(fetchDebian(wanted, from, signal()), {
      message: /^Cannot fetch libc6 .*\. Try again, or put/,
    });
    await Deno.writeFile(join(folder, debianFileName(wanted)), content);
    const none = { folder, mirror: () => Promise.reject(new Error("no mirror is asked for")) };
    assert.equal(await fetchDebian(wanted, none, signal()), join(folder, debianFileName(wanted)));
  });
});

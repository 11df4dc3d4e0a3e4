import { deepEqual, equal, rejects } from "node:assert/strict";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { newDek } from "../../../envelope/seal.ts";
import { makeSentinel, type Sentinel } from "./sentinel.ts";
import { folderSentinels, sentinelLimits } from "./sentinel_file.ts";

const dek = newDek();

function sentinel(version: string, more: Partial<Sentinel> = {}): Sentinel {
  const wrap = { name: "vault", version, ciphertext: new Uint8Array(77).fill(3) };
  return { ...makeSentinel(dek, wrap, "vault-transit", "t1-00112233445566778899aabbccddeeff", 1_000), ...more };
}

Deno.test("folderSentinels() gives back what it wrote, and writes no data key", async () => {
  await inFolder(async (folder) => {
    const store = folderSentinels(`${folder}/state`);
    deepEqual(await store.load(), []);
    const refused = { at: 2_000, code: "key_unusable", message: "m".repeat(600) } as const;
    const written = [
      sentinel("1@a"),
      sentinel("2@b", { test: refused, lost: true }),
      sentinel("3", { test: undefined }),
    ];
    await store.update(() => written);
    const kept = await store.load();
    deepEqual(kept[0], written[0]);
    deepEqual([kept[1]?.test?.message.length, kept[1]?.lost], [sentinelLimits.message, true]);
    deepEqual(kept[2], written[2]);
    const text = await Deno.readTextFile(`${folder}/state/sentinels.json`);
    equal(text.includes(dek.toBase64()) || text.includes(dek.toHex()), false);
    equal(((await Deno.stat(`${folder}/state/sentinels.json`)).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("folderSentinels() loses nothing where two processes write, and bounds what it keeps", async () => {
  await inFolder(async (folder) => {
    const [one, two] = [folderSentinels(folder), folderSentinels(folder)];
    const add = (store: typeof one, version: string) => store.update((kept) => [...kept, sentinel(version)]);
    await Promise.all(Array.from({ length: 10 }, (_, i) => add(i % 2 === 0 ? one : two, `v${i}`)));
    equal((await one.load()).length, 10);
    const most = sentinelLimits.count;
    const many = Array.from({ length: most + 1 }, (_, i) => sentinel(`w${i}`, { madeAt: i }));
    await one.update(() => many);
    const kept = await two.load();
    equal(kept.length, most);
    equal(kept.some(({ version }) => version === "w0"), false, "the oldest one is dropped");
  });
});

Deno.test("folderSentinels() refuses each field that is missing, of another type or too long, and a newer format", async () => {
  await inFolder(async (folder) => {
    const store = folderSentinels(folder);
    const path = `${folder}/sentinels.json`;
    await store.update(() => [sentinel("1")]);
    const { sentinels: [row] } = JSON.parse(await Deno.readTextFile(path));
    const put = (value: unknown) => Deno.writeTextFile(path, JSON.stringify(value));
    await put({ format: 1, sentinels: [row] });
    equal((await store.load()).length, 1);
    for (const field of Object.keys(row).filter((name) => name !== "test")) {
      for (const value of [undefined, 7.5e300, "", "ü".repeat(5000), {}, null]) {
        await put({ format: 1, sentinels: [{ ...row, [field]: value }] });
        await rejects(store.load(), { code: "config", message: /damaged; restore it, or remove it/ }, field);
      }
    }
    for (const test of [null, {}, { at: 1, code: "no", message: "" }, { at: -1, code: "ok", message: "" }]) {
      await put({ format: 1, sentinels: [{ ...row, test }] });
      await rejects(store.load(), { code: "config" });
    }
    await put({ format: 2 });
    await rejects(store.update((kept) => kept), { code: "config", message: /a newer version of Trousseau wrote it/ });
    equal(await Deno.readTextFile(path), '{"format":2}', "it is left as it is");
  });
});

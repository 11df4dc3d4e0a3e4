import { deepEqual, equal, rejects } from "node:assert/strict";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { newDek } from "../../../envelope/seal.ts";
import { makeSentinel, type Sentinel } from "./sentinel.ts";
import { folderSentinels, memorySentinels } from "./sentinel_file.ts";

const dek = newDek();

function sentinel(version: string, more: Partial<Sentinel> = {}): Sentinel {
  const wrap = { name: "vault", version, ciphertext: new Uint8Array(77).fill(3) };
  return { ...makeSentinel(dek, wrap, "vault-transit", "t1-00112233445566778899aabbccddeeff", 1_000), ...more };
}

Deno.test("folderSentinels() reads back its own file, and writes no data key", async () => {
  await inFolder(async (folder) => {
    const store = folderSentinels(`${folder}/state`);
    deepEqual(await store.load(), []);
    const refused = { at: 2_000, code: "key_unusable", message: "m".repeat(600) } as const;
    const written = [
      sentinel("1@a"),
      sentinel("2@b", { test: refused, lost: true }),
      sentinel("3", { test: undefined }),
    ];
    const kept = await store.update(() => written);
    deepEqual(await store.load(), kept);
    deepEqual(kept[0], written[0]);
    deepEqual([kept[1]?.test?.message.length, kept[1]?.lost], [512, true]);
    deepEqual(kept[2], written[2]);
    const text = await Deno.readTextFile(`${folder}/state/sentinels.json`);
    equal(text.includes(dek.toBase64()) || text.includes(dek.toHex()), false);
    equal(((await Deno.stat(`${folder}/state/sentinels.json`)).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("folderSentinels() loses nothing if two processes write, and limits the number of sentinels", async () => {
  await inFolder(async (folder) => {
    const [one, two] = [folderSentinels(folder), folderSentinels(folder)];
    const add = (store: typeof one, version: string) => store.update((kept) => [...kept, sentinel(version)]);
    await Promise.all(Array.from({ length: 10 }, (_, i) => add(i % 2 === 0 ? one : two, `v${i}`)));
    equal((await one.load()).length, 10);
    const most = 1024;
    const full = Array.from({ length: most }, (_, i) => sentinel(`f${i}`, { madeAt: i }));
    await one.update(() => full);
    deepEqual((await two.load()).map(({ version }) => version), full.map(({ version }) => version));
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

Deno.test("folderSentinels() reads every field up to its bound, and none beyond it", async () => {
  await inFolder(async (folder) => {
    const store = folderSentinels(folder);
    const path = `${folder}/sentinels.json`;
    await store.update(() => [sentinel("1", { test: { at: 1, code: "ok", message: "" } })]);
    const { sentinels: [row] } = JSON.parse(await Deno.readTextFile(path));
    const isRead = async (changed: object) => {
      await Deno.writeTextFile(path, JSON.stringify({ format: 1, sentinels: [{ ...row, ...changed }] }));
      return await store.load().then(() => true, () => false);
    };
    const texts = { provider: 63, kind: 64, version: 256, keyId: 1024 };
    for (const [field, most] of Object.entries(texts)) {
      deepEqual([await isRead({ [field]: "x".repeat(most) }), await isRead({ [field]: "x".repeat(most + 1) })], [
        true,
        false,
      ], field);
    }
    for (const [field, most] of Object.entries({ wrapped: 4096, envelope: 1024 })) {
      const of = (length: number) => ({ [field]: new Uint8Array(length).toBase64() });
      deepEqual([await isRead(of(1)), await isRead(of(most)), await isRead(of(most + 1)), await isRead(of(0))], [
        true,
        true,
        false,
        false,
      ], field);
      equal(await isRead({ [field]: 12 }), false);
    }
    for (const at of [0, 8.64e15]) {
      equal(await isRead({ madeAt: at }) && await isRead({ test: { ...row.test, at } }), true, `${at}`);
    }
    for (const at of [-1, 8_640_000_000_000_001, "1"]) {
      equal(await isRead({ madeAt: at }) || await isRead({ test: { ...row.test, at } }), false, `${at}`);
    }
    for (const message of ["", "m".repeat(512)]) equal(await isRead({ test: { ...row.test, message } }), true);
    for (const message of [1, "m".repeat(513)]) equal(await isRead({ test: { ...row.test, message } }), false);
    for (const code of ["ok", "key_unusable"]) equal(await isRead({ test: { ...row.test, code } }), true);
    for (const code of ["no", "toString", 1, undefined]) equal(await isRead({ test: { ...row.test, code } }), false);
    for (const test of [null, 1, [], "test"]) equal(await isRead({ test }), false);
    for (const sha256 of ["a".repeat(63), "a".repeat(65), "A".repeat(64), ["a".repeat(64)]]) {
      equal(await isRead({ sha256 }), false);
    }
    const document = async (sentinels: unknown) => {
      await Deno.writeTextFile(path, JSON.stringify({ format: 1, sentinels }));
      return await store.load().then(({ length }) => length, () => "refused");
    };
    const rows = (count: number) => Array.from({ length: count }, () => row);
    deepEqual([await document([]), await document(rows(1024)), await document(rows(1025))], [0, 1024, "refused"]);
    for (const sentinels of [undefined, null, {}, [null], [1], [[]], "text"]) {
      equal(await document(sentinels), "refused");
    }
  });
});

Deno.test("folderSentinels() reads 10 MiB at most", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/sentinels.json`, "");
    await Deno.truncate(`${folder}/sentinels.json`, 10 * 1024 * 1024 + 1);
    await rejects(folderSentinels(folder).load(), { code: "config", message: /it is larger than 10240 KiB/ });
  });
});

Deno.test("memorySentinels() keeps the newest 1,024 for as long as it lasts", async () => {
  const store = memorySentinels();
  deepEqual(await store.load(), []);
  await store.update((kept) => [...kept, sentinel("1")]);
  const many = Array.from({ length: 1024 }, (_, i) => sentinel(`w${i}`, { madeAt: 2_000 + i }));
  const kept = await store.update((kept) => [...kept, ...many]);
  deepEqual([kept.length, kept.some(({ version }) => version === "1")], [1024, false]);
  deepEqual(await store.load(), kept);
});

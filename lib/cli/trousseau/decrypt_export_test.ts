import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { unpackTar } from "modern-tar";
import { parse } from "yaml";
import { concat, utf8, utf8Text } from "../../base/bytes.ts";
import { readStoredObject } from "../../cluster/objects/stored_object.ts";
import type { SnapshotObject } from "../../cluster/snapshot_objects.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { plainSnapshot } from "../../../tests/support/snapshot_file.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { run } from "../run.ts";
import { decryptSnapshot } from "./decrypt.ts";
import { exportManifests } from "./decrypt_export.ts";
import type { DecryptedObject } from "./decrypt_object.ts";
import { trousseau } from "./program.ts";
import type { TrousseauCall } from "./terminal.ts";

const signal = new AbortController().signal;

/** Runs an export of objects that are given as manifests by key, or as the reason why they do not open. */
async function exported(objects: Readonly<Record<string, unknown>>) {
  const parts: Uint8Array[] = [];
  const { stderr, err } = fakeTerminal();
  const status = await exportManifests({
    objects: Object.keys(objects).map((key): SnapshotObject => {
      return { key, keyBytes: utf8(key), value: new Uint8Array(0), revision: 1 };
    }),
    open({ key }): Promise<DecryptedObject> {
      const value = objects[key];
      const bytes = value instanceof Uint8Array ? value : utf8(JSON.stringify(value));
      const object = typeof value === "string" ? undefined : readStoredObject(bytes);
      const error = typeof value === "string" ? value : null;
      return Promise.resolve({ key, by: null, isAuthenticated: true, object, bytes: 0, error });
    },
    output: { isTerminal: false, write: (bytes) => void parts.push(bytes.slice()) },
    progress: { update() {}, [Symbol.dispose]() {} },
    signal,
  }, stderr);
  const texts = (await unpackTar(concat(...parts))).map(({ header, data }) => {
    return [header.name, utf8Text(data ?? new Uint8Array(0)) ?? ""] as const;
  });
  const [last, mark] = texts.pop() ?? [];
  equal(last, "_complete.txt");
  return { status, err: err(), mark, files: Object.fromEntries(texts.map(([name, text]) => [name, parse(text)])) };
}

const secret = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "a", uid: "1" },
  data: { b: "Yg==" },
  ...more,
});

Deno.test("exportManifests() writes manifests, and counts what it leaves out", async () => {
  const pod = concat(utf8("k8s\0\n\t\n\u0002v1\u0012\u0003Pod"), utf8("\u0012\u0001x"));
  const { status, err, mark, files } = await exported({
    "/registry/secrets/a/one": secret("one"),
    "/registry/secrets/a/token": secret("token", { type: "kubernetes.io/service-account-token" }),
    "/registry/pods/a/p": pod,
    "/registry/e.io/widgets/w": { apiVersion: "e.io/v1", kind: "Widget", metadata: { name: "w" } },
  });
  equal(status, 0, err);
  deepEqual(files, {
    "a/Secret/one.yaml": { ...secret("one"), metadata: { name: "one", namespace: "a" } },
    "_cluster/Widget.e.io/w.yaml": { apiVersion: "e.io/v1", kind: "Widget", metadata: { name: "w" } },
  });
  deepEqual(err.trim().split("\n"), [
    "Exported 2 objects: 1 Secret, 1 Widget.e.io.",
    "Left out 1 Secret with the token of a ServiceAccount: another cluster refuses it.",
    "Left out 1 object that is stored as protobuf: 1 Pod.",
  ]);
  equal(mark, err, "the last file repeats what was exported");
});

Deno.test("exportManifests() names what was not opened, and ends with 1", async () => {
  const { status, err, files } = await exported({
    "/registry/secrets/a/one": secret("one"),
    "/registry/other/a/one": secret("one", { data: {} }),
    "/registry/secrets/a/two": secret("three"),
    ...Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`/registry/secrets/a/x${at}`, "Its key is gone."])),
  });
  equal(status, 1);
  deepEqual(files["a/Secret/one.yaml"].data, { b: "Yg==" }, "the first of two stays");
  match(err, /32 objects were not exported:\n/);
  match(err, /\/registry\/other\/a\/one: Another object has its kind, namespace and name\./);
  match(err, /\/registry\/secrets\/a\/two: Its metadata are not those of its key in etcd\./);
  match(err, /x0: Its key is gone\./);
  match(err, /and 12 more\n$/);
});

Deno.test("exportManifests() that is stopped leaves an archive that tar calls incomplete", () =>
  inFolder(async (folder) => {
    const stop = new AbortController();
    const parts: Uint8Array[] = [];
    const keys = ["one", "two", "three"].map((name) => `/registry/secrets/a/${name}`);
    const run = exportManifests({
      objects: keys.map((key) => ({ key, keyBytes: utf8(key), value: new Uint8Array(0), revision: 1 })),
      open({ key }): Promise<DecryptedObject> {
        if (key === keys[1]) stop.abort(new Error("stopped"));
        const object = readStoredObject(utf8(JSON.stringify(secret(key.split("/").at(-1) ?? ""))));
        return Promise.resolve({ key, by: null, isAuthenticated: true, object, bytes: 0, error: null });
      },
      output: { isTerminal: false, write: (bytes) => void parts.push(bytes.slice()) },
      progress: { update() {}, [Symbol.dispose]() {} },
      signal: stop.signal,
    }, fakeTerminal().stderr);
    await rejects(run, /stopped/);
    await Deno.writeFile(`${folder}/a.tar`, concat(...parts));
    const { code, stdout } = await new Deno.Command("tar", { args: ["-t", "-f", `${folder}/a.tar`] }).output();
    deepEqual([code, utf8Text(stdout)], [2, "a/Secret/one.yaml\na/Secret/two.yaml\n"]);
  }));

Deno.test("decrypt --export is refused on a terminal, and together with options that print", async () => {
  await using config = await TemporaryConfig.make({});
  const call = (options: Partial<TrousseauCall["options"]>): TrousseauCall => ({
    program: trousseau,
    terminal: fakeTerminal(),
    options: { config: config.file, snapshot: "s.db", export: true, ...options },
    positionals: [],
  });
  const output = { isTerminal: true, write() {} };
  await rejects(decryptSnapshot(call({}), output), /redirect it into a file or a pipe/);
  const file = { isTerminal: false, write() {} };
  await rejects(decryptSnapshot(call({ show: true }), file), /neither --show nor --json changes it/);
  await rejects(decryptSnapshot(call({ json: true }), file), /neither --show nor --json changes it/);
  equal(await run(["decrypt", "--snapshot", "s.db", "--check", "--export"], trousseau, fakeTerminal()), 64);
});

Deno.test("decrypt --export writes the objects that are named, and ends with 1 if one is not there", async () => {
  await using config = await TemporaryConfig.make({});
  const snapshot = `${config.folder}/snapshot.db`;
  await Deno.writeFile(snapshot, plainSnapshot());
  for (const [words, status, count] of [[[], 0, 1], [["/registry/secrets/"], 0, 1], [["/registry/x"], 1, 0]] as const) {
    const terminal = fakeTerminal();
    const parts: Uint8Array[] = [];
    const options = { config: config.file, snapshot, export: true } as const;
    const ended = await decryptSnapshot({ program: trousseau, terminal, options, positionals: words }, {
      isTerminal: false,
      write: (bytes) => void parts.push(bytes.slice()),
    });
    equal(ended, status, terminal.err());
    equal((await unpackTar(concat(...parts))).length, count + 1);
    equal(/has no object \/registry\/x\./.test(terminal.err()), status === 1);
  }
});

Deno.test("decrypt --export ends with 1 if no object is below the prefix", async () => {
  await using config = await TemporaryConfig.make({});
  const snapshot = `${config.folder}/snapshot.db`;
  await Deno.writeFile(snapshot, plainSnapshot());
  const terminal = fakeTerminal();
  const options = { config: config.file, snapshot, export: true, "etcd-prefix": "/other" } as const;
  const call = { program: trousseau, terminal, options, positionals: [] };
  equal(await decryptSnapshot(call, { isTerminal: false, write() {} }), 1);
  match(
    terminal.err(),
    /snapshot\.db has no object below \/other\/: compare --etcd-prefix with that of kube-apiserver\./,
  );
});

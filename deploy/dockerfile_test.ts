import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";

const read = (name: string) => Deno.readTextFile(new URL(`../${name}`, import.meta.url));
const dockerfile = await read("Dockerfile");
const args = new Map(
  [...dockerfile.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name = "", value = ""]) => [name, value]),
);

Deno.test("Dockerfile builds with the very Deno that the tests run under", () => {
  assert.equal(args.get("BUILDER"), `docker.io/denoland/deno:debian-${Deno.version.deno}`);
});

Deno.test("Dockerfile ends in distroless cc, not as root, with one folder of files", () => {
  assert.match(args.get("BASE") ?? "", /^gcr\.io\/distroless\/cc-debian13:nonroot$/);
  const last = dockerfile.slice(dockerfile.lastIndexOf("FROM "));
  assert.match(last, /^FROM \$\{BASE\}$/m);
  assert.equal([...last.matchAll(/^(COPY|ADD) /gm)].length, 1);
  assert.match(last, /^USER 65532:65532$/m);
  assert.doesNotMatch(last, /^RUN /m);
});

Deno.test("Dockerfile says licence, version and commit in labels", async () => {
  const labels = new Map(
    [...dockerfile.matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  assert.equal(labels.get("version"), JSON.parse(await read("deno.json")).version);
  assert.equal(labels.get("revision"), "$COMMIT");
  assert.match(labels.get("licenses") ?? "", /^Apache-2\.0/);
});

Deno.test("Dockerfile lets no image through that is not pinned", () => {
  const from = [...dockerfile.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(([, image]) => image);
  assert.deepEqual(from, ["${BUILDER}", "${BASE}"]);
  for (const image of args.values()) assert.match(image, /:(?!latest$)[\w.-]+(@sha256:[0-9a-f]{64})?$/);
});

Deno.test(".dockerignore lets in what the Dockerfile copies", async () => {
  const allowed = (await read(".dockerignore")).split("\n").filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = ""]) => paths.split(" "));
  assert.deepEqual(copied.toSorted(), allowed.toSorted());
});

Deno.test("Dockerfile copies each file outside lib that a module of lib contains", async () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(\S+) \S+$/gm)].map(([, path = ""]) => path);
  const lib = new URL("../lib/", import.meta.url);
  const contained: string[] = [];
  for (const name of await readdir(lib, { recursive: true })) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(name, lib));
    for (const [, path = ""] of text.matchAll(/ from "(?:\.\.\/)+(deploy\/[^"]+)"/g)) contained.push(path);
  }
  assert.ok(contained.length > 0);
  assert.deepEqual(contained.filter((path) => !copied.some((folder) => path.startsWith(`${folder}/`))), []);
});

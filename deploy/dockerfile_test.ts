import assert from "node:assert/strict";

const read = (name: string) => Deno.readTextFile(new URL(`../${name}`, import.meta.url));
const dockerfile = await read("Dockerfile");
const args = new Map(
  [...dockerfile.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name = "", value = ""]) => [name, value]),
);

Deno.test("Dockerfile builds with the very Deno that the tests run under", () => {
  assert.equal(args.get("BUILDER"), `docker.io/denoland/deno:debian-${Deno.version.deno}`);
});

Deno.test("Dockerfile ends in distroless cc, not as root, with the binary and nothing else", () => {
  assert.match(args.get("BASE") ?? "", /^gcr\.io\/distroless\/cc-debian\d+:nonroot$/);
  const last = dockerfile.slice(dockerfile.lastIndexOf("FROM "));
  assert.match(last, /^FROM \$\{BASE\}$/m);
  assert.equal([...last.matchAll(/^(COPY|ADD) /gm)].length, 1);
  assert.match(last, /^USER 65532:65532$/m);
  assert.doesNotMatch(last, /^RUN /m);
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

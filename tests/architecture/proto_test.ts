import { equal, ok } from "node:assert/strict";
import { hex, sha256 } from "../../lib/bytes.ts";

const folder = new URL("../../proto/", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", folder));

for (const file of ["kms_v2.proto", "kms_v1beta1.proto"]) {
  Deno.test(`proto/${file} is the very file that proto/README.md names by its hash`, async () => {
    const row = readme.split("\n").find((line) => line.startsWith(`| \`${file}\``));
    ok(row, "no row for this file");
    equal(row.match(/[0-9a-f]{64}/)?.[0], hex(sha256(await Deno.readFile(new URL(file, folder)))));
  });
}

Deno.test("proto/README.md has a row for every proto, the tag, the checksum and the licence", async () => {
  const protos = (await Array.fromAsync(Deno.readDir(folder))).filter(({ name }) => name.endsWith(".proto"));
  equal(readme.split("\n").filter((line) => /^\| `.*\.proto`/.test(line)).length, protos.length);
  for (const word of ["k8s.io/kms", "v0.36.3", "h1:uHY7Vfec0IhuTWjO6u/u/6hE1DcZmCB7Xm/6+GQxkNs=", "Apache-2.0"]) {
    ok(readme.includes(word), word);
  }
});

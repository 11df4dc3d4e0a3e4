import assert from "node:assert/strict";
import { debianMirror } from "./debian_mirror.ts";

Deno.test("debianMirror() takes a given address without its slashes, and refuses what is none", async () => {
  assert.equal(await debianMirror("http://mirror.example.com//"), "http://mirror.example.com");
  assert.equal(await debianMirror("https://mirror.example.com/a"), "https://mirror.example.com/a");
  for (const other of ["mirror.example.com", "ftp://mirror.example.com", "http://a b", "http://a/?b"]) {
    await assert.rejects(debianMirror(other), /^Error: Cannot use DEBIAN_MIRROR: ".*" is no address that begins/);
  }
});

Deno.test("debianMirror() gives the mirror of this machine's apt, or a sentence where apt has none", async () => {
  const found = await debianMirror("").catch((thrown: unknown) => String(thrown));
  assert.match(
    found,
    /^https?:\/\/[^\s/]+(\/\S*[^/])?$|^Error: Cannot fetch packages of Debian: .* Set DEBIAN_MIRROR to/,
  );
});

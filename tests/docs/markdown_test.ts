import { deepEqual, throws } from "node:assert/strict";
import { readPage } from "./markdown.ts";

const page = [
  "# A `page` for _one_: question",
  "",
  "See [there](other.md#part), `[not](here)`, <https://example.org/a> and [again][x]. A `span that",
  "goes on` and [that](there.md).",
  "1. A step:",
  "",
  "   ```sh more words",
  "   one \\",
  "     two # [no](link)",
  "   ```",
  "",
  "## Part",
  "## Part",
  "",
  "[x]: https://example.org/b",
].join("\n");

Deno.test("readPage() finds links outside of code, and each block without its indentation", () => {
  const { links, blocks, code } = readPage("p.md", page);
  deepEqual(links, [
    { place: "p.md:3", target: "other.md#part" },
    { place: "p.md:3", target: "https://example.org/a" },
    { place: "p.md:4", target: "there.md" },
    { place: "p.md:15", target: "https://example.org/b" },
  ]);
  deepEqual(blocks, [{
    place: "p.md:7",
    language: "sh",
    info: "more words",
    text: "one \\\n  two # [no](link)\n",
  }]);
  deepEqual(code.map(({ text }) => text), ["page", "[not](here)", "span that goes on"]);
});

Deno.test("readPage() makes anchors as GitHub does, with a number behind a repeated heading", () => {
  deepEqual([...readPage("p.md", page).anchors], ["a-page-for-one-question", "part", "part-1"]);
});

Deno.test("readPage() refuses a block without an end", () => {
  throws(() => readPage("p.md", "a\n```sh\nb\n"), { message: "p.md:2: the block has no end." });
});

import assert from "node:assert/strict";
import { anchorOf } from "../../lib/base/error_anchors.ts";
import { errorSentences } from "./error_sentences.ts";
import {
  differences,
  errorFilesOf,
  errorTable,
  helpTable,
  pageAnchors,
  readErrorDocument,
  rowAnchor,
} from "./error_table.ts";

const root = new URL("../..", import.meta.url).pathname;

/** Read once: it takes seconds. */
const found = errorSentences(root);

Deno.test("docs/errors.yaml has a cause and a cure for every error sentence of the source, and no other", async () => {
  assert.deepEqual(differences(await readErrorDocument(root), await found), []);
});

Deno.test("the page and the tables of the programs are what deno task docs:errors makes of it", async () => {
  for (const [path, text] of Object.entries(errorFilesOf(await readErrorDocument(root)))) {
    assert.equal(await Deno.readTextFile(`${root}/${path}`), text, path);
  }
});

Deno.test("docs/errors.md has each anchor once, and the anchor of every sentence", async () => {
  const document = await readErrorDocument(root);
  const page = await Deno.readTextFile(`${root}/docs/errors.md`);
  const targets = [...page.matchAll(/<a id="([^"]+)"><\/a>/g)].map(([, anchor]) => anchor);
  assert.deepEqual(targets.toSorted(), pageAnchors(document).toSorted());
  assert.equal(new Set(targets).size, targets.length);
  for (const { says } of document.areas.flatMap(({ rows }) => rows)) {
    const anchor = anchorOf(says);
    assert.ok(anchor !== undefined && targets.includes(anchor), says);
  }
});

Deno.test("rowAnchor() depends on area and sentence alone, and a row can keep an old one", () => {
  const first = rowAnchor({ anchor: "area" }, { says: "a b", cause: "c" });
  assert.match(first, /^area-[2-9b-z]{5}$/);
  assert.equal(rowAnchor({ anchor: "area" }, { says: "a b", cause: "d" }), first);
  assert.notEqual(rowAnchor({ anchor: "area" }, { says: "a c" }), first);
  assert.equal(rowAnchor({ anchor: "area" }, { says: "a c", anchor: first }), first);
});

Deno.test("helpTable() has the rows of an area behind it; what they share is said once", () => {
  const area = { title: "T", anchor: "t", intro: "I", cause: "all", rows: [{ says: "a b", anchor: "x", cure: "own" }] };
  assert.equal(helpTable({ areas: [area], names: [] }), "t\tT\tI\tall\t\nx\t\town\n");
});

Deno.test("errorSentences() finds sentences in constructors, in makers of errors, in tables and behind constants", async () => {
  const texts = (await found).map(({ text }) => text);
  for (
    const text of [
      "Cannot {action}: no answer within the deadline.",
      "there is no such key or mount",
      "refused the connection",
      "the disk is full",
      "Cannot {action}: Vault answered {status} ({why}).",
    ]
  ) assert.ok(texts.includes(text), text);
});

Deno.test("errorSentences() follows names into templates and tables, and takes lines of the log and refusals over HTTP", async () => {
  const texts = (await found).map(({ text }) => text);
  for (
    const text of [
      // A constant in a template, a shorthand property, and the text of a method.
      'it says that it is not well; "trousseau probe --socket" on its socket shows what it says',
      "these bytes were not wrapped by this key version",
      "No key ID is known yet: no data key has been wrapped on this node. {reason}",
      // A function that returns a text or something else, and a row of a table.
      "holds no service account's key",
      "it is a person's login; make a service account for this machine",
      // A table by numbers, and a parser that returns a text or its result.
      "the client secret has expired",
      "has a createdAt that is no UTC time",
      // A complaint about an answer, a warning, a line of the log, an answer over HTTP.
      "the key_id is empty",
      "{message} The key ID stays as it is until that is mended.",
      "Lines of the audit stream are being lost{why}.",
      "There is nothing here.",
      // Faults of a certificate, the words for a silent server, and a tunnel that fails.
      "has a certificate that cannot be verified with the authorities in {source}",
      "{silence}: there is no connection yet; look at the address, routes and firewalls",
      "it closed the connection",
      // A complaint of the schema, of the YAML parser, of an address, and behind an asynchronous function.
      "must be a path",
      "lines are indented with spaces, not with tabs",
      "must not have a query or a fragment",
      "could not be looked at a moment ago; try again",
      // The advice of a file of the state folder, and a remark about the configuration.
      "remove it, and restart the plugin to have it written again",
      "Others may change the configuration {absolute}: {why}.",
    ]
  ) assert.ok(texts.includes(text), text);
  for (const text of texts) assert.ok(!text.startsWith("wrap with provider"), `an action, no sentence: ${text}`);
});

Deno.test("readErrorDocument() puts the areas of the folders of lib behind those of docs/errors.yaml", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/docs`);
  await Deno.mkdir(`${folder}/lib/provider/toy`, { recursive: true });
  const area = (title: string) =>
    `areas: [{ title: ${title}, anchor: ${title.toLowerCase()}, rows: [{ says: ${title} fails, cause: c, cure: d }] }]\n`;
  await Deno.writeTextFile(`${folder}/docs/errors.yaml`, `${area("All")}names: []\n`);
  await Deno.writeTextFile(`${folder}/lib/provider/toy/errors.yaml`, area("Toy"));
  const { areas } = await readErrorDocument(folder);
  assert.deepEqual(areas.map(({ title, rows }) => [title, rows.map(({ says }) => says)]), [
    ["All", ["All fails"]],
    ["Toy", ["Toy fails"]],
  ]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("differences() names what is missing, gone, doubled and bare", () => {
  const rows = [{ says: "a b", cause: "c", cure: "d" }, { says: "a b", cause: "c", cure: "d" }, { says: "gone x" }];
  const document = { areas: [{ title: "T", anchor: "t", rows }], names: [] };
  assert.deepEqual(differences(document, [{ text: "a b", files: ["f"] }, { text: "new x", files: ["f", "g"] }]), [
    "docs/errors.yaml lacks (f, g): new x",
    "no source says any more: gone x",
    "stands twice: a b",
    "has no cause or no cure: gone x",
    `an anchor stands twice: ${rowAnchor({ anchor: "t" }, { says: "a b" })}`,
  ]);
});

Deno.test("errorTable() puts the sentences of an area without a cause of their own into one row", () => {
  const rows = [{ says: "a b", anchor: "x" }, { says: "c d", anchor: "y", cause: "own" }, {
    says: "e | f",
    anchor: "z",
  }];
  const lines = errorTable({ areas: [{ title: "T", anchor: "t", cause: "all", cure: "cure", rows }], names: [] }).split(
    "\n",
  );
  assert.deepEqual(lines.slice(-3), [
    '| <a id="y"></a>`c d` | own | cure |',
    '| <a id="x"></a>`a b`<br><a id="z"></a>`e \\| f` | all | cure |',
    "",
  ]);
});

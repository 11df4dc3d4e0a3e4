import assert from "node:assert/strict";
import { configJsonSchema } from "../../lib/config/json_schema.ts";
import { complaints, contentOf } from "../support/fake_files.ts";
import { configExamples } from "./configuration_examples.ts";
import { fieldSections, withFields } from "./configuration_table.ts";

const page = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));

/** The files that the examples name. */
const files = {
  contents: Object.fromEntries(
    ["role-id", "secret-id", "vault-ca.pem", "proxy-password", "recovery.pub"].map((
      name,
    ) => [`/etc/trousseau/${name}`, contentOf(name)]),
  ),
};

/** The blocks of YAML in a page of Markdown. */
function yamlBlocks(text: string): readonly string[] {
  return [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
}

Deno.test("docs/configuration.md is what deno task docs:configuration makes of it", () => {
  assert.equal(withFields(page), page);
});

Deno.test("every configuration in docs/configuration.md loads", async () => {
  const blocks = yamlBlocks(page);
  assert.ok(blocks.length >= Object.keys(configExamples).length);
  for (const block of blocks) assert.deepEqual(await complaints(block, {}, files), [], block);
});

Deno.test("fieldSections() has an example and a heading for every kind, and no other example", () => {
  const headings = [...fieldSections().matchAll(/^### (.+)$/gm)].map(([, name]) => name);
  const kinds = Object.keys(configExamples);
  assert.deepEqual(headings.slice(-kinds.length), kinds);
});

Deno.test("fieldSections() has a row for every field of the schema", () => {
  const names = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "properties" && typeof inner === "object" && inner !== null) {
        for (const name of Object.keys(inner)) names.add(name);
      }
      collect(inner);
    }
  };
  collect(configJsonSchema());
  const cells = [...fieldSections().matchAll(/^\| (?:\*\*|\[)?`([^`]+)`/gm)].map(([, place = ""]) => place);
  const shown = new Set(cells.map((place) => place.replace(/: .*/, "").replace(/.*\./, "")));
  // The two ways to refer to a secret are one value, which the text above the tables explains.
  for (const name of names) assert.ok(shown.has(name) || ["file", "variable"].includes(name), name);
});

Deno.test("fieldSections() says value, default and meaning", () => {
  const text = fieldSections();
  for (
    const row of [
      "| `cache.maxAge` | duration from 0s to 365d | `10m` | The age at which the KMS is asked again at the next use of a data key. |",
      "| `kind` | `local` | required | A key file on this machine. |",
      "| `create` | `true` or `false` | `false` |",
      "| `wrap` | all, any, or 1 to 8 | 2, or 1 if alone | How many providers must wrap a data key: all, any (one), or a number. |",
      "| **`auth.method: approle`** |  |  | With AppRole. AppRole: a role ID, and a secret ID unless the role wants none. |",
      "| `auth.secretId` | reference to a secret | – |",
      "| `sops.keys[].name` | text | required |",
    ]
  ) assert.ok(text.includes(row), row);
});

Deno.test("withFields() refuses a page without its markers", () => {
  assert.throws(() => withFields("# Configuration\n"), /lacks/);
});

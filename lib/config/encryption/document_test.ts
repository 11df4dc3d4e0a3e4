import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { readEncryptionFile } from "./file.ts";
import { KmsError } from "../../base/errors.ts";
import { commentsOf, hasAnchors, rewritten } from "./document.ts";

const commented = `# of the platform team
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  # all that matters
  - resources: # two
      - secrets
      - 'configmaps' # not all
    providers:
      # from 2021
      - aescbc:
          keys:
            - name: "key1"
              secret: MDEyMzQ1Njc4OTAxMjM0NQ== # rotated twice
      - identity: {} # the last
# the end
`;

const kms = "kms:\n  apiVersion: v2\n  name: trousseau\n  endpoint: unix:///run/t/kms.sock";

Deno.test("rewritten() inserts a provider at its place and keeps comments, quotes and order", () => {
  const text = rewritten(commented, [{ from: 0, providers: [0, kms, 1] }]);
  for (const line of commented.split("\n")) ok(text.includes(line.trim().replace(/(?<=:) # two$/, "")), line);
  ok(commentsOf(text).includes("two"));
  match(text, /^# of the platform team\napiVersion/);
  deepEqual(parse(text).resources[0].providers.map((one: object) => Object.keys(one).join()), [
    "aescbc",
    "kms",
    "identity",
  ]);
});

Deno.test("rewritten() omits exactly the parts that a plan omits", () => {
  const text = rewritten(commented, [{ from: 0, providers: [kms] }, {
    resources: ["*.apps"],
    providers: ["identity: {}"],
  }]);
  deepEqual(parse(text).resources, [
    { resources: ["secrets", "configmaps"], providers: [{ kms: parse(kms).kms }] },
    { resources: ["*.apps"], providers: [{ identity: {} }] },
  ]);
});

Deno.test("rewritten() turns JSON into block style", () => {
  const json = JSON.stringify({ resources: [{ resources: ["yes", "1"], providers: [{ identity: {} }] }], kind: "no" });
  const text = rewritten(json, [{ from: 0, providers: [kms, 0] }]);
  equal(text.includes("{}"), true);
  equal(text.replace("{}", "").includes("{"), false);
  // A reader of YAML 1.1, as kube-apiserver is, takes these as texts only in quotes.
  match(text, /- "yes"\n {6}- "1"/);
  match(text, /kind: "no"/);
});

Deno.test("rewritten() keeps any text and any number of a file unchanged", () => {
  const value = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string(),
    fc.integer(),
    fc.stringMatching(/^[A-Za-z0-9+/]{1,200}=?$/),
  );
  const provider = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { minKeys: 1 });
  fc.assert(fc.property(fc.array(provider, { minLength: 1, maxLength: 4 }), fc.boolean(), (providers, indented) => {
    const file = { resources: [{ resources: ["secrets"], providers }] };
    const text = JSON.stringify(file, null, indented ? 2 : undefined);
    const order = providers.map((_, index) => index);
    deepEqual(parse(rewritten(text, [{ from: 0, providers: order }])), JSON.parse(text));
    deepEqual(
      parse(rewritten(rewritten(text, [{ from: 0, providers: order }]), [{ from: 0, providers: order }])),
      JSON.parse(text),
    );
  }));
});

Deno.test("hasAnchors() and commentsOf() find anchors and comments", () => {
  equal(hasAnchors(commented), false);
  equal(hasAnchors("a: &x 1\nb: *x"), true);
  equal(hasAnchors("a: &x {b: 1}"), true);
  for (
    const comment of ["of the platform team", "two", "not all", "from 2021", "rotated twice", "the last", "the end"]
  ) {
    ok(commentsOf(commented).includes(comment), comment);
  }
});

/** Whether the reader accepts a text; any other failure than a complaint fails the test. */
function isTaken(text: string): boolean {
  try {
    readEncryptionFile("EC.yaml", text);
    return true;
  } catch (thrown) {
    if (thrown instanceof KmsError && thrown.code === "config") return false;
    throw thrown;
  }
}

Deno.test("rewritten() writes every file that readEncryptionFile() accepts, wherever it was changed", () => {
  const piece = fc.constantFrom(
    "",
    " ",
    "\n",
    "#",
    "'",
    '"',
    "|",
    ">-",
    "- ",
    ": ",
    "{}",
    "\r",
    "\t",
    "---\n",
    "!!str ",
    "~",
    "0",
  );
  let count = 0;
  fc.assert(
    fc.property(fc.nat(commented.length), fc.nat(3), piece, (at, drop, text) => {
      const changed = commented.slice(0, at) + text + commented.slice(at + drop);
      if (!isTaken(changed)) return;
      count++;
      const { entries } = readEncryptionFile("EC.yaml", changed);
      const plan = entries.map(({ providers }, from) => ({ from, providers: [...providers.keys(), kms] }));
      ok(isTaken(rewritten(changed, plan)));
    }),
    { numRuns: 400 },
  );
  ok(count > 20, `${count} of the texts were taken`);
});

const styles = {
  "block scalars": "secret: >-\n                MDEyMzQ1Njc4\n                OTAxMjM0NQ==",
  "a literal scalar": "secret: |\n                MDEyMzQ1Njc4OTAxMjM0NQ==",
  "a tag": "secret: !!str MDEyMzQ1Njc4OTAxMjM0NQ==",
  "an explicit key": "? secret\n              : MDEyMzQ1Njc4OTAxMjM0NQ==",
} as const;

for (const [what, secret] of Object.entries(styles)) {
  Deno.test(`rewritten() keeps ${what}`, () => {
    const text = `%YAML 1.2\n---\n${commented.replace("secret: MDEyMzQ1Njc4OTAxMjM0NQ==", secret)}...\n`;
    const before = parse(text).resources[0].providers;
    deepEqual(parse(rewritten(text, [{ from: 0, providers: [1, 0] }])).resources[0].providers, before.toReversed());
  });
}

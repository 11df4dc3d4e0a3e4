import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { type FolderPath, folderPath, type SecretPath, secretPath } from "../../../api/keyring/paths.ts";
import { type Verb, verbNames } from "../../../api/keyring/verbs.ts";
import type { Identity } from "./identity.ts";
import type { Policy, Rule } from "./policy.ts";
import { allows, mayList, mayReach, rightsBeyond } from "./rights.ts";

const identity = (...roles: string[]): Identity => ({ kind: "person", name: "person:anna", id: "0".repeat(32), roles });

const rule = (path: string, ...verbs: Verb[]): Rule => ({ path, verbs: new Set(verbs) });

function policyOf(roles: Readonly<Record<string, readonly Rule[]>>): Policy {
  const entries = Object.entries(roles).map(([name, rules]) =>
    [name, { take: [], rules, tokenTtlMs: 3_600_000 }] as const
  );
  return { version: 1, roles: new Map(entries) };
}

const pathOf = (text: string) => text === "" || text.endsWith("/") ? folderPath(text) : secretPath(text);

Deno.test("allows() takes the path of a rule in whole segments", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["db/prod", "db/prod", true],
    ["db/prod", "db/prod/", true],
    ["db/prod", "db/prod/john", true],
    ["db/prod", "db/production", false],
    ["db/prod", "db/production/john", false],
    ["db/prod", "db", false],
    ["db/prod", "db/", false],
    ["db/prod", "", false],
    ["db/prod/", "db/prod", false],
    ["db/prod/", "db/prod/", true],
    ["db/prod/", "db/prod/a/b", true],
    ["db/prod/", "db/production", false],
    ["/", "", true],
    ["/", "a", true],
    ["/", "a/b/", true],
  ];
  for (const [path, asked, allowed] of cases) {
    const policy = policyOf({ a: [rule(path, "read")] });
    equal(allows(policy, identity("a"), "read", pathOf(asked)), allowed, `${path} and ${asked}`);
    equal(allows(policy, identity("a"), "write", pathOf(asked)), false, "no verb contains another one");
    equal(allows(policy, identity(), "read", pathOf(asked)), false, "no role, no right");
    equal(allows(policy, identity("b"), "read", pathOf(asked)), false, "a role that the policy lacks gives none");
  }
});

Deno.test("allows() gives the identity of the admin socket every verb everywhere, and admin no value", () => {
  const policy = policyOf({ a: [rule("/", "admin")] });
  const local: Identity = { kind: "local-admin", name: "local-admin", id: "0".repeat(32), roles: [] };
  for (const verb of verbNames) {
    equal(allows(policy, local, verb, secretPath("any/path")), true);
    equal(allows(policy, identity("a"), verb, folderPath("")), verb === "admin");
  }
});

Deno.test("mayList() shows the folders on the way to a rule and nothing beside them", () => {
  const policy = policyOf({ a: [rule("db/prod", "list"), rule("web/", "read")] });
  const shown = (folder: string, entry?: string) =>
    mayList(policy, identity("a"), folderPath(folder), entry === undefined ? undefined : pathOf(entry));
  const seen = ["", "db/", "db/prod/", "db/prod/x/"].map((folder) => shown(folder));
  deepEqual(seen, [true, true, true, true]);
  deepEqual(["web/", "db/dev/", "db/production/", "d/"].map((folder) => shown(folder)), [false, false, false, false]);
  equal(shown("", "db/"), true);
  equal(shown("", "db"), false, "a secret on the way is not a folder on the way");
  equal(shown("", "web/"), false, "read is not list");
  deepEqual(["db/prod", "db/prod/", "db/production", "db/dev/"].map((entry) => shown("db/", entry)), [
    true,
    true,
    false,
    false,
  ]);
  equal(shown("db/prod/", "db/prod/john"), true);
  equal(shown("", "db/prod/john"), false, "an entry of another folder is refused");
});

const segment = fc.constantFrom("a", "ab", "b");
const segments = fc.array(segment, { minLength: 1, maxLength: 4 });
const anyPath = fc.oneof(
  fc.constant(""),
  fc.tuple(segments, fc.boolean()).map(([found, folder]) => `${found.join("/")}${folder ? "/" : ""}`),
).map(pathOf);
const anyRule = fc.record({
  path: fc.oneof(
    fc.constant("/"),
    fc.tuple(segments, fc.boolean()).map(([s, below]) => s.join("/") + (below ? "/" : "")),
  ),
  verbs: fc.subarray([...verbNames], { minLength: 1 }).map((verbs) => new Set(verbs)),
});
const rules = fc.array(anyRule, { maxLength: 5 });

/** The paths below a rule, one segment at a time, without a comparison of texts. */
function modelCovers(rulePath: string, path: SecretPath | FolderPath): boolean {
  if (rulePath === "/") return true;
  const below = rulePath.endsWith("/");
  const wanted = rulePath.split("/").filter((one) => one !== "");
  const found = path.split("/").filter((one) => one !== "");
  for (let at = 0; at < wanted.length; at++) if (wanted[at] !== found[at]) return false;
  return !below || found.length > wanted.length || path.endsWith("/");
}

Deno.test("allows() decides as a naive model for all policies and paths", () => {
  fc.assert(
    fc.property(rules, rules, anyPath, fc.constantFrom(...verbNames), (one, other, path, verb) => {
      const expected = [...one, ...other].some((rule) => rule.verbs.has(verb) && modelCovers(rule.path, path));
      equal(allows(policyOf({ one, other }), identity("one", "other"), verb, path), expected);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("mayList() shows a folder exactly if a listed path may lie in it", () => {
  const all = ["a", "ab", "b"].flatMap((x) => ["a", "ab", "b"].flatMap((y) => [x, `${x}/${y}`, `${x}/${y}/a`]));
  fc.assert(
    fc.property(rules, fc.constantFrom("", "a/", "ab/", "a/b/", "ab/a/"), (one, folder) => {
      // Rules of the model are at most three segments deep, so that a listed secret below them exists.
      const shallow = one.filter(({ path }) => path.split("/").filter((part) => part !== "").length <= 2);
      const policy = policyOf({ one: shallow });
      const inside = all.map((path) => secretPath(path)).filter((path) => path.startsWith(folder));
      const expected = inside.some((path) => allows(policy, identity("one"), "list", path));
      equal(mayList(policy, identity("one"), folderPath(folder)), expected);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("rightsBeyond() is empty exactly if the identity may do all that the rules permit", () => {
  fc.assert(
    fc.property(rules, anyRule, fc.array(anyPath, { maxLength: 20 }), (held, wanted, paths) => {
      const policy = policyOf({ held, wanted: [wanted] });
      const beyond = rightsBeyond(policy, identity("held"), [wanted]);
      const escalates = paths.some((path) =>
        verbNames.some((verb) =>
          allows(policy, identity("wanted"), verb, path) && !allows(policy, identity("held"), verb, path)
        )
      );
      if (escalates) equal(beyond.length > 0, true);
      deepEqual(rightsBeyond(policy, identity("held", "wanted"), [wanted]), []);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("rightsBeyond() names each right with its path", () => {
  const policy = policyOf({ a: [rule("db/", "read")] });
  const beyond = rightsBeyond(policy, identity("a"), [
    rule("db", "read", "list"),
    rule("db/x", "read"),
    rule("/", "read"),
  ]);
  deepEqual(beyond, ["list on db", "read on db", "read on the whole store"]);
});

Deno.test("allows() on a folder holds for each entry of it: a list of the folder needs no look at each one", () => {
  const segment = fc.constantFrom("a", "b", "ab");
  const place = fc.array(segment, { maxLength: 3 }).map((parts) => parts.map((part) => `${part}/`).join(""));
  const rulePath = fc.oneof(fc.constant("/"), place.filter((path) => path !== ""), place.map((path) => `${path}a`));
  fc.assert(fc.property(fc.array(rulePath, { maxLength: 3 }), place, segment, (paths, folder, name) => {
    const policy = policyOf({ r: paths.map((path) => rule(path, "list")) });
    if (!allows(policy, identity("r"), "list", folderPath(folder))) return;
    for (const entry of [secretPath(`${folder}${name}`), folderPath(`${folder}${name}/`)]) {
      equal(mayList(policy, identity("r"), folderPath(folder), entry), true);
    }
  }));
});

Deno.test("mayReach() takes a folder if the verb is permitted on it or on anything below it, and a secret by itself", () => {
  const policy = policyOf({ a: [rule("db/prod/john", "read"), rule("web/", "list")] });
  const reaches = (verb: Verb, path: string) => mayReach(policy, identity("a"), verb, pathOf(path));
  for (const path of ["", "db/", "db/prod/", "db/prod/john", "db/prod/john/"]) equal(reaches("read", path), true, path);
  for (const path of ["web/", "db/test/", "db/prod/johnny/", "db/prod", "db/prod/anna"]) {
    equal(reaches("read", path), false, path);
  }
  equal(reaches("list", "db/"), false);
});

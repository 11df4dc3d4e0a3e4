import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { parsePolicy } from "./policy_text.ts";

const sound = `
roles:
  shop:
    take:
      - { cluster: prod, subject: "system:serviceaccount:shop:web" }
      - { issuer: github, subject: "repo:acme/shop:ref:refs/heads/*", claims: { environment: production } }
      - { person: anna }
      - { socket: backup }
    rules:
      - { path: db/prod, verbs: [read, list] }
      - { path: db/prod/, verbs: [write] }
    tokenTtl: 2h
  admins:
    rules:
      - { path: /, verbs: [admin] }
`;

Deno.test("parsePolicy() reads roles with takers, rules and a lifetime, in YAML and in JSON", () => {
  const policy = parsePolicy(sound, 3);
  equal(policy.version, 3);
  deepEqual([...policy.roles.keys()], ["shop", "admins"]);
  const shop = policy.roles.get("shop");
  deepEqual(shop?.take, [
    { kind: "cluster", name: "prod", subject: "system:serviceaccount:shop:web", claims: new Map() },
    {
      kind: "issuer",
      name: "github",
      subject: "repo:acme/shop:ref:refs/heads/*",
      claims: new Map([["environment", "production"]]),
    },
    { kind: "person", name: "anna" },
    { kind: "socket", name: "backup" },
  ]);
  deepEqual(shop?.rules, [
    { path: "db/prod", verbs: new Set(["read", "list"]) },
    { path: "db/prod/", verbs: new Set(["write"]) },
  ]);
  equal(shop?.tokenTtlMs, 7_200_000);
  equal(policy.roles.get("admins")?.tokenTtlMs, 3_600_000);
  const json = JSON.stringify({ roles: { a: { rules: [{ path: "x", verbs: ["read"] }] } } });
  deepEqual(parsePolicy(json, 1).roles.get("a")?.rules, [{ path: "x", verbs: new Set(["read"]) }]);
});

/** One mistake in each policy: the name, the text, and the lines of the error behind the first one. */
const mistakes: readonly (readonly [string, string, readonly string[]])[] = [
  ["an empty text", "", ["1:1: has no value"]],
  ["an unknown key at the root", "rolls: {}\n", [
    "1:1: roles: is missing",
    '1:1: rolls: unknown key; did you mean "roles"?',
  ]],
  ["a deny rule", "roles:\n  a:\n    rules:\n      - { path: a, verbs: [read], deny: true }\n", [
    "4:35: roles.a.rules[0].deny: unknown key; known here: path, verbs",
  ]],
  ["an unknown verb", "roles:\n  a:\n    rules:\n      - { path: a, verbs: [raed] }\n", [
    '4:28: roles.a.rules[0].verbs[0]: unknown verb; did you mean "read"?',
  ]],
  ["a verb near none", "roles:\n  a:\n    rules:\n      - { path: a, verbs: [sudo] }\n", [
    "4:28: roles.a.rules[0].verbs[0]: unknown verb; known here: list, read, write, generate, destroy, handle, project, admin",
  ]],
  ["no verb", "roles: { a: { rules: [{ path: a, verbs: [] }] } }", ["1:34: roles.a.rules[0].verbs: is empty"]],
  ["a path with a star", "roles: { a: { rules: [{ path: db/*, verbs: [read] }] } }", [
    "1:25: roles.a.rules[0].path: has a *, and rules are for whole segments; end the path above it",
  ]],
  ["a path with an empty segment", "roles: { a: { rules: [{ path: db//x, verbs: [read] }] } }", [
    "1:25: roles.a.rules[0].path: must be a path such as db/prod, db/prod/ for all below it, or / for the whole store",
  ]],
  ["an empty path", 'roles: { a: { rules: [{ path: "", verbs: [read] }] } }', [
    "1:25: roles.a.rules[0].path: must be a path such as db/prod, db/prod/ for all below it, or / for the whole store",
  ]],
  ["admin below a path", "roles: { a: { rules: [{ path: db, verbs: [admin] }] } }", [
    "1:23: roles.a.rules[0]: gives admin below a path, and admin is for the whole store; give it in a rule with path: /",
  ]],
  ["an issuer without subject and claim", "roles:\n  a:\n    take: [{ issuer: github }]\n    rules: []\n", [
    "3:12: roles.a.take[0]: has neither a subject nor a claim, so that every token of this issuer would take the role",
  ]],
  ["a cluster without subject, with empty claims", "roles: { a: { take: [{ cluster: c, claims: {} }], rules: [] } }", [
    "1:22: roles.a.take[0]: has neither a subject nor a claim, so that every token of this issuer would take the role",
  ]],
  ["a subject that is a star", 'roles: { a: { take: [{ issuer: i, subject: "*" }], rules: [] } }', [
    "1:35: roles.a.take[0].subject: is matched by every text; write a part of it in full",
  ]],
  ["a subject without an issuer", "roles: { a: { take: [{ subject: x }], rules: [] } }", [
    "1:22: roles.a.take[0]: has exactly one of person, socket, issuer and cluster",
  ]],
  ["two sources", "roles: { a: { take: [{ issuer: i, person: p, subject: x }], rules: [] } }", [
    "1:22: roles.a.take[0]: has exactly one of person, socket, issuer and cluster",
  ]],
  ["a person with a claim", "roles: { a: { take: [{ person: p, claims: { a: b } }], rules: [] } }", [
    "1:22: roles.a.take[0]: has a subject or claims, which only an issuer or a cluster has",
  ]],
  ["a claim that is a number", "roles: { a: { take: [{ issuer: i, claims: { n: 1 } }], rules: [] } }", [
    "1:45: roles.a.take[0].claims.n: must be a text, with quotes around it",
  ]],
  [
    "a claim named __proto__",
    "roles: { a: { take: [{ issuer: i, subject: x, claims: { __proto__: y } }], rules: [] } }",
    [
      "1:57: roles.a.take[0].claims.__proto__: is no name here",
    ],
  ],
  ["a role named __proto__", "roles: { __proto__: { rules: [] } }", ["1:10: roles.__proto__: is no name here"]],
  ["a role with a bad name", "roles: { Big Role: { rules: [] } }", [
    "1:10: roles.(key): must be 1 to 63 lowercase letters, digits, - and _, with a letter or a digit first",
  ]],
  ["a lifetime above a day", "roles: { a: { rules: [], tokenTtl: 25h } }", [
    "1:26: roles.a.tokenTtl: must be a duration from 1m to 24h, such as 30m",
  ]],
  ["a role twice", "roles:\n  a: { rules: [] }\n  a: { rules: [] }\n", [
    "3:3: this key stands in the same mapping twice",
  ]],
  ["a tab", "roles:\n\ta: 1\n", ["2:1: lines are indented with spaces, not with tabs"]],
];

for (const [criterion, text, lines] of mistakes) {
  Deno.test(`parsePolicy() refuses ${criterion} with its place`, () => {
    throws(() => parsePolicy(text, 1), (thrown) => {
      if (!(thrown instanceof KeyringError)) throw thrown;
      deepEqual([thrown.code, ...thrown.message.split("\n")], ["request_invalid", "The policy is refused:", ...lines]);
      return true;
    });
  });
}

Deno.test("parsePolicy() refuses a text above the limit", () => {
  throws(() => parsePolicy(`# ${"x".repeat(262_144)}\n${sound}`, 1), { code: "too_large" });
});

Deno.test("parsePolicy() shows 20 problems at most, and the number of the others", () => {
  const verbs = Array.from({ length: 30 }, () => "nothing").join(",\n ");
  throws(() => parsePolicy(`roles: { a: { rules: [{ path: a, verbs: [\n ${verbs}] }] } }`, 1), /\nand 10 more$/);
});

Deno.test("parsePolicy() refuses texts with very many mistakes in a time that grows with their length", () => {
  const many = (count: number, one: (index: number) => string) =>
    Array.from({ length: count }, (_, at) => one(at)).join();
  const texts: readonly (readonly [string, RegExp])[] = [
    [`roles: {a: {${many(20_000, (at) => `k${at}: 1`)}}}`, /\nand 199\d\d more$/],
    [`roles: {${many(15_000, (at) => `k${at}: {}`)}}`, /\nand 149\d\d more$/],
    [`roles: {a: {rules: [{path: a, verbs: [${many(50_000, () => "x")}]}]}}`, /\nand 499\d\d more$/],
    [
      `roles: {a: {rules: [{path: a, verbs: [${many(110_000, () => "x")}]}]}}`,
      /has more than 100000 keys and list elements/,
    ],
    [`roles: {${many(15_000, () => "k: {}")}}`, /\nand 149\d\d more$/],
    [`roles: [${many(30_000, () => "*a")}]`, /anchors more than/],
  ];
  const startedAt = performance.now();
  for (const [text, says] of texts) throws(() => parsePolicy(text, 1), says);
  // Quadratic work took minutes for each of them.
  ok(performance.now() - startedAt < 120_000);
});

Deno.test("parsePolicy() is total: a policy, request_invalid or too_large", () => {
  const word = fc.constantFrom("roles", "a", "take", "rules", "path", "verbs", "read", "/", "db/*", "issuer", "claims");
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: "medium" },
      word,
      fc.integer(),
      fc.constant(null),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(word, tie("node"), { maxKeys: 4 }),
    ),
  })).node.map((value) => JSON.stringify(value));
  fc.assert(fc.property(fc.oneof(tree, fc.string({ unit: "binary" })), (text) => {
    try {
      parsePolicy(text, 1);
    } catch (thrown) {
      equal(thrown instanceof KeyringError && thrown.code, "request_invalid");
    }
  }));
});

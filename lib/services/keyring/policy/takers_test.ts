import { deepEqual, equal } from "node:assert/strict";
import { parsePolicy } from "./policy_text.ts";
import { claimsNamed, type ClaimValue, rolesFor } from "./takers.ts";

const policy = parsePolicy(
  `
roles:
  web:
    take:
      - { cluster: prod, subject: "system:serviceaccount:shop:*" }
      - { issuer: github, subject: "repo:acme/*:ref:refs/heads/main", claims: { environment: production, team: "t-*" } }
    rules: []
  anna: { take: [{ person: anna }], rules: [] }
  backup: { take: [{ socket: backup }], rules: [] }
  groups: { take: [{ issuer: github, claims: { groups: dba } }], rules: [] }
  none: { rules: [] }
`,
  1,
);

const remote = (kind: "issuer" | "cluster", name: string, subject: string, claims: Record<string, ClaimValue> = {}) =>
  rolesFor(policy, { kind, name, subject, claims: new Map(Object.entries(claims)) });

Deno.test("rolesFor() gives a ServiceAccount of one cluster no role of another cluster's or an issuer's", () => {
  const subject = "system:serviceaccount:shop:web";
  deepEqual(remote("cluster", "prod", subject), ["web"]);
  deepEqual(remote("cluster", "dev", subject), []);
  deepEqual(remote("issuer", "prod", subject), []);
  deepEqual(remote("cluster", "prod", "system:serviceaccount:shops:web"), []);
});

Deno.test("rolesFor() wants the subject and every claim of one entry", () => {
  const subject = "repo:acme/shop:ref:refs/heads/main";
  deepEqual(remote("issuer", "github", subject, { environment: "production", team: "t-1" }), ["web"]);
  deepEqual(remote("issuer", "github", subject, { environment: "production" }), []);
  deepEqual(remote("issuer", "github", subject, { environment: "dev", team: "t-1" }), []);
  deepEqual(remote("issuer", "github", `${subject}x`, { environment: "production", team: "t-1" }), []);
});

Deno.test("rolesFor() compares each element of a claim that is a list", () => {
  deepEqual(remote("issuer", "github", "s", { groups: ["dev", "dba"] }), ["groups"]);
  deepEqual(remote("issuer", "github", "s", { groups: ["dba-2"] }), []);
});

Deno.test("rolesFor() gives people and sockets the roles of their own name and kind", () => {
  deepEqual(rolesFor(policy, { kind: "person", name: "anna" }), ["anna"]);
  deepEqual(rolesFor(policy, { kind: "socket", name: "anna" }), []);
  deepEqual(rolesFor(policy, { kind: "socket", name: "backup" }), ["backup"]);
});

Deno.test("claimsNamed() has the claims that a role names for one issuer", () => {
  const web = policy.roles.get("web");
  if (web === undefined) throw new Error("the role is there");
  deepEqual([...claimsNamed(web, { kind: "issuer", name: "github" })], ["environment", "team"]);
  equal(claimsNamed(web, { kind: "issuer", name: "gitlab" }).size, 0);
});

/**
 * The modules of OpenTofu, held against an excerpt of their providers' schemas.
 *
 * @module
 */
import { equal, match } from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../support/temporary_folder.ts";
import { tool } from "./validation.ts";

const folder = new URL("../../deploy/opentofu", import.meta.url).pathname;
const check = (module: string) => tool("hcl-check", [join(folder, "schemas.json"), module]);

for (const name of ["vault", "aws", "azure", "google"]) {
  Deno.test(`the module for ${name} is formatted, and names what its provider has`, async () => {
    const { code, stdout, stderr } = await check(join(folder, name));
    equal(code, 0, stdout + stderr);
  });
}

const faults: readonly (readonly [what: string, from: string, to: string, complaint: RegExp])[] = [
  ["an argument that does not exist", "deletion_allowed ", "deletion_alowed  ", /no argument "deletion_alowed"/],
  ["a missing argument", '  type        = "transit"\n', "", /"type" is missing/],
  [
    "a resource that does not exist",
    'resource "vault_policy"',
    'resource "vault_polisy"',
    /no resource "vault_polisy"/,
  ],
  ["a variable that does not exist", "= var.nodes\n", "= var.nods\n", /no variable "nods"/],
  ["an attribute that does not exist", "vault_mount.transit.path", "vault_mount.transit.pth", /no such attribute/],
  ["a block that does not exist", "  tune {", "  tuning {", /no block "tuning"/],
  ["text that is not formatted", "path        = var.mount", "path = var.mount", /not formatted/],
];

for (const [what, from, to, complaint] of faults) {
  Deno.test(`hcl-check finds ${what}`, async () => {
    const text = await Deno.readTextFile(join(folder, "vault/main.tf"));
    await inFolder(async (copy) => {
      await Deno.writeTextFile(join(copy, "main.tf"), text.replace(from, to));
      const { code, stdout } = await check(copy);
      equal(code, 1);
      match(stdout, complaint);
    });
  });
}

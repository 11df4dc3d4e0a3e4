/**
 * The tables of `docs/keyring/vault-clients.md` have the routes of the server and no other, and a server answers as they
 * say.
 *
 * @module
 */
import { deepEqual, equal, notEqual } from "node:assert/strict";
import { refusedVaultRoutes } from "../../lib/services/keyring/http/vault/refusals.ts";
import { type VaultRoute, vaultRoutes } from "../../lib/services/keyring/http/vault/vault_operations.ts";
import { TestKeyring } from "../support/keyring_api.ts";
import { inFolder } from "../support/temporary_folder.ts";

const page = await Deno.readTextFile(new URL("../../docs/keyring/vault-clients.md", import.meta.url));

/** The cells of the table under a heading, without its head. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const [, section = ""] = page.split(`## ${heading}\n`);
  const lines = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

const answered = rowsUnder("Requests and answers");
const refused = rowsUnder("Refused requests");

/** The third cell for the verb of a route. */
function needsOf({ operation: { verb } }: VaultRoute): string {
  if (verb === "none") return "no identity";
  return verb === "identity" ? "any identity" : `\`${verb}\``;
}

Deno.test("the page has every request that is answered, with the verb that it needs", () => {
  const routes = vaultRoutes("secret").map((route) => {
    const query = route.whenQuery === undefined ? "" : `?${route.whenQuery}`;
    return [`\`${route.methods.join(", ")} ${route.path.replace("*", "PATH")}${query}\``, needsOf(route)];
  });
  const pages = ["health", "seal-status", "leader"].map((name) => [`\`GET sys/${name}\``, "no identity"]);
  deepEqual(answered.map(([request, , needs]) => [request, needs]), [...routes, ...pages]);
});

Deno.test("the page has every refused request with its sentence", () => {
  const expected = refusedVaultRoutes("secret").map(({ path, why }) => [`\`${path.replace("*", "PATH")}\``, why]);
  deepEqual(refused, expected);
});

Deno.test("a server answers the requests of the first table, and refuses those of the second with their sentences", () =>
  inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    const targetOf = (path: string) => `/v1/${path.replace("PATH", "db/x")}`;
    for (const [request = ""] of answered) {
      const [, methods = "", path = ""] = /^`([A-Z, ]+) (\S+)`$/.exec(request) ?? [];
      for (const method of methods.split(", ")) {
        const { status, text } = await keyring.send(method, targetOf(path));
        notEqual(status, 405, `${method} ${path}: ${text}`);
      }
    }
    for (const [request = "", sentence = ""] of refused) {
      const { body } = await keyring.expect(405, "POST", targetOf(request.slice(1, -1)));
      equal(body.errors[0], sentence, request);
    }
  }));

import { deepEqual, match } from "node:assert/strict";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import type { JwtVerifier } from "../../lib/services/keyring/identity/login.ts";
import { TestKeyring } from "../support/keyring_api.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { terraformRequests } from "./terraform_requests.ts";

const issuer: JwtVerifier = {
  name: "ci",
  verify: (jwt) => {
    if (jwt !== "a.good.jwt") throw new KeyringError("unauthenticated", "The token is refused.");
    const taker = { kind: "issuer", name: "ci", subject: "terraform", claims: new Map() } as const;
    return Promise.resolve({ kind: "oidc", name: "oidc:ci/terraform", taker });
  },
};

const policy = `
roles:
  terraform: {take: [{issuer: ci, subject: terraform}], rules: [{path: db, verbs: [list, read, write, destroy]}]}
`;

/** The member of a JSON value at a path of names. */
function memberAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], value);
}

Deno.test("the requests of Terraform's provider are answered or refused as they are recorded", () =>
  inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, { issuers: [issuer] });
    await keyring.policy(policy);
    const peer = { address: "192.0.2.1" };
    let token = "";
    for (const { of, method, path, body, status, reads = {} } of terraformRequests) {
      const headers = { "x-vault-request": "true", ...(token === "" ? {} : { "x-vault-token": token }) };
      const request = { peer, headers, ...(body === undefined ? {} : { body }) };
      const answer = await keyring.expect(status, method, `/v1/${path}`, request);
      for (const [member, value] of Object.entries(reads)) {
        deepEqual(memberAt(answer.body, member), value, `${of}: ${member}`);
      }
      token ||= answer.body.auth.client_token;
    }
  }));

Deno.test("the version is a semantic one, which Terraform's provider parses, and is not Vault's", () =>
  inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    for (const path of ["sys/seal-status", "sys/health"]) {
      match((await keyring.expect(200, "GET", `/v1/${path}`)).body.version, /^\d+\.\d+\.\d+\+trousseau$/);
    }
  }));

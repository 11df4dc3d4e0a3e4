/**
 * Shows that the double of Vault answers each request as a real one does.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startVault, testOnVaults, type Vault } from "../support/vault.ts";
import { startTransitServer } from "../support/transit_server.ts";

/** The compared parts: the status, and every field that the double gives. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks one of the two with the rights of the shipped policy, and remembers ciphertexts under names. */
interface Side {
  ask(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  readonly ciphertexts: Map<string, string>;
  pull(lever: "rotate" | "retire" | "remove"): Promise<void>;
}

type Step =
  | { readonly lever: "rotate" | "retire" | "remove" }
  | {
    readonly ask: readonly [method: string, path: string, body?: unknown];
    readonly token?: string;
    readonly keep?: string;
  };

type Taken = readonly [Step, unknown];

const plaintext = "dHJvdXNzZWF1";
const use = (verb: string, body: unknown, keep?: string): Step => ({
  ask: ["POST", `transit/${verb}/kubernetes`, body],
  ...(keep === undefined ? {} : { keep }),
});
const items = (...ciphertexts: readonly string[]) => ({
  batch_input: ciphertexts.map((ciphertext) => ({ ciphertext })),
});

/** `$old` and `$new` stand for stored ciphertexts; the text after them is appended, and `$old@N` has another version. */
const odd = [
  "$old",
  "",
  "none",
  "vault:",
  "vault:v",
  "vault:v1",
  "vault:vx:AAAA",
  "vault:v7:AAAA",
  "vault:v1:AAAA",
  "vault:v1:!!",
  "vault:v1:AAA",
  `vault:v1:${"A".repeat(48)}`,
  "$old@0",
  "$old@01",
  "$old@+1",
  "$old@-1",
  "$old@2",
  "$old:x",
  "$old\n",
  "$oldAAAA",
];

const steps: readonly Step[] = [
  { ask: ["GET", "transit/keys/kubernetes"] },
  { ask: ["GET", "transit/keys/kubernetes"], token: "" },
  { ask: ["GET", "transit/keys/kubernetes"], token: "hvs.none" },
  { ask: ["GET", "transit/keys/other"] },
  { ask: ["DELETE", "transit/keys/kubernetes"] },
  { ask: ["POST", "auth/approle/login", { role_id: "none", secret_id: "none" }] },
  { ask: ["POST", "auth/none/login", {}] },
  { ask: ["POST", "auth/none/login", {}], token: "" },
  { ask: ["POST", "transit/encrypt/other", { plaintext }] },
  use("encrypt", { plaintext }, "old"),
  use("encrypt", { plaintext, key_version: 1 }),
  use("encrypt", { plaintext, key_version: 9 }),
  use("encrypt", { batch_input: [] }),
  use("encrypt", { batch_input: [{ plaintext, key_version: 1 }, { plaintext: "!!" }, { plaintext, key_version: 9 }] }),
  use("decrypt", { ciphertext: "$old" }),
  use("decrypt", items("$old", "$old")),
  { lever: "rotate" },
  { ask: ["GET", "transit/keys/kubernetes"] },
  use("encrypt", { batch_input: [{ plaintext }] }, "new"),
  use("decrypt", items(...odd)),
  ...odd.map((ciphertext) => use("decrypt", { ciphertext })),
  use("rewrap", { ciphertext: "$old" }),
  use("rewrap", items("$old", "none", "$new")),
  { lever: "retire" },
  { ask: ["GET", "transit/keys/kubernetes"] },
  use("decrypt", items("$old", "$new")),
  use("rewrap", { ciphertext: "$old" }),
  use("encrypt", { batch_input: [{ plaintext, key_version: 1 }] }),
  { lever: "remove" },
  { ask: ["GET", "transit/keys/kubernetes"] },
  use("encrypt", { plaintext }),
  use("decrypt", { ciphertext: "$new" }),
  use("rewrap", items("$new")),
];

testOnVaults("the double of Vault answers as the real server does", async (engine) => {
  await using vault = await startVault({ engine });
  await using double = await startTransitServer();
  double.namesDeadTokens = !engine.isOpenBao;
  const [real, imitation] = [await realSide(vault), await doubleSide(double)];
  const expected: Taken[] = [];
  const found: Taken[] = [];
  for (const step of steps) {
    const [answer, imitated] = [await take(real, step), await take(imitation, step)];
    expected.push([step, only(answer, imitated)]);
    found.push([step, imitated]);
  }
  assert.deepEqual(found, expected);
});

async function take(side: Side, step: Step): Promise<Answer | undefined> {
  if ("lever" in step) return void await side.pull(step.lever);
  const [method, path, body] = step.ask;
  const { status, body: answer } = await side.ask(method, path, filled(body, side.ciphertexts), step.token);
  const ciphertext = step.keep === undefined ? undefined : /vault:v\d+:[^"]+/.exec(JSON.stringify(answer))?.[0];
  if (step.keep !== undefined && ciphertext !== undefined) side.ciphertexts.set(step.keep, ciphertext);
  return { status, body: steady(answer) };
}

/** Puts the kept ciphertexts in their places. */
function filled(body: unknown, kept: ReadonlyMap<string, string>): unknown {
  return body === undefined ? undefined : JSON.parse(JSON.stringify(body), (_, value) => {
    const [, name, version, rest] = /^\$(old|new)(?:@([-+\d]+))?([^]*)$/.exec(String(value)) ?? [];
    if (name === undefined) return value;
    const ciphertext = kept.get(name) ?? "";
    return (version === undefined ? ciphertext : ciphertext.replace(/^vault:v\d+/, `vault:v${version}`)) + rest;
  });
}

/** Removes the parts that differ from call to call: IDs, times, random bytes. */
function steady(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer ?? null), (name, value) => {
    if (name === "request_id") return "some";
    if (name === "keys") return Object.keys(value);
    return typeof value === "string" ? value.replace(/^(vault:v\d+:).*/, "$1some") : value;
  });
}

/** The fields of the real answer that the double has too. */
function only(expected: unknown, found: unknown): unknown {
  if (Array.isArray(expected) && Array.isArray(found)) return expected.map((item, index) => only(item, found[index]));
  if (typeof expected !== "object" || expected === null || typeof found !== "object" || found === null) return expected;
  const names = new Map(Object.entries(found));
  return Object.fromEntries(
    Object.entries(expected).filter(([name]) => names.has(name) || name === "error" || name === "errors")
      .map(([name, value]) => [name, only(value, names.get(name))]),
  );
}

/** Asks with a token of one's own, or with none if it is empty. */
function asker(address: string, ownToken: string): Side["ask"] {
  return async (method, path, body, token = ownToken) => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: token === "" ? {} : { "x-vault-token": token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
}

async function realSide(vault: Vault): Promise<Side> {
  const policy = await Deno.readTextFile(new URL("../../deploy/policies/vault.hcl", import.meta.url));
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "sys/auth/approle", { type: "approle" });
  await vault.api("POST", "sys/policies/acl/trousseau", { policy });
  await vault.api("POST", "transit/keys/kubernetes", {});
  const created = await vault.api("POST", "auth/token/create", { policies: ["trousseau"] });
  const path = "transit/keys/kubernetes";
  return {
    ciphertexts: new Map(),
    ask: asker(vault.address, created.body.auth.client_token),
    pull: async (lever) => {
      if (lever === "rotate") await vault.api("POST", `${path}/rotate`);
      if (lever === "retire") await vault.api("POST", `${path}/config`, { min_decryption_version: 2 });
      if (lever !== "remove") return;
      await vault.api("POST", `${path}/config`, { deletion_allowed: true });
      await vault.api("DELETE", path);
    },
  };
}

function doubleSide(double: Awaited<ReturnType<typeof startTransitServer>>): Promise<Side> {
  double.transit.create("kubernetes");
  return Promise.resolve({
    ciphertexts: new Map(),
    ask: asker(double.address, double.token),
    pull: (lever: "rotate" | "retire" | "remove") => {
      if (lever === "rotate") double.transit.rotate("kubernetes");
      if (lever === "retire") double.transit.configure("kubernetes", { minDecryption: 2 });
      if (lever === "remove") double.transit.delete("kubernetes");
      return Promise.resolve();
    },
  });
}

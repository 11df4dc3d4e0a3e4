import { deepEqual, equal, match, ok } from "node:assert/strict";
import { KmsError } from "../../base/errors.ts";
import type { V1beta1Rpcs, V2Rpcs } from "../../api/kms/messages.ts";
import { type KmsHandlers, kmsServer } from "../../api/kms/server.ts";
import type { Handlers } from "../../net/grpc/server.ts";
import { trousseau } from "./program.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { run } from "../run.ts";

const v2: Handlers<V2Rpcs> = {
  Status: () => ({ version: "v2", healthz: "ok", key_id: "k1" }),
  Encrypt: ({ plaintext }) => ({
    ciphertext: plaintext.map((byte) => byte ^ 1),
    key_id: "k1",
    annotations: { "a.trousseau": Uint8Array.of(1, 2, 3) },
  }),
  Decrypt: ({ ciphertext }) => ({ plaintext: ciphertext.map((byte) => byte ^ 1) }),
};

const v1beta1: Handlers<V1beta1Rpcs> = {
  Version: () => ({ version: "v1beta1", runtime_name: "double", runtime_version: "1.2.3" }),
  Encrypt: ({ plain }) => ({ cipher: plain.map((byte) => byte ^ 1) }),
  Decrypt: ({ cipher }) => ({ plain: cipher.map((byte) => byte ^ 1) }),
};

/** Probes a plugin with the given handlers. */
async function probed(handlers: KmsHandlers | undefined, ...words: string[]) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/kms.sock`;
  const server = handlers === undefined ? undefined : kmsServer(handlers);
  await server?.listen(path);
  try {
    const terminal = fakeTerminal();
    const status = await run(["probe", "--socket", `unix://${path}`, ...words], trousseau, terminal);
    return { status, out: terminal.out(), err: terminal.err(), path };
  } finally {
    await server?.shutdown(0);
    await Deno.remove(folder, { recursive: true });
  }
}

/** The results of all calls, in the form `v2 Status: ok`. */
function results(out: string): string[] {
  return JSON.parse(out).calls.map((c: Record<string, string>) => `${c["api"]} ${c["rpc"]}: ${c["result"]}`);
}

Deno.test("probe() makes the calls of both APIs in kube-apiserver's order", async () => {
  const { status, out } = await probed({ v2, v1beta1 }, "--json");
  equal(status, 0);
  deepEqual(results(out), [
    "v2 Status: ok",
    "v2 Encrypt: ok",
    "v2 Decrypt: ok",
    "v1beta1 Version: ok",
    "v1beta1 Encrypt ping: ok",
    "v1beta1 Encrypt: ok",
    "v1beta1 Decrypt: ok",
  ]);
  const { keyId, version, healthz, ok: well } = JSON.parse(out);
  deepEqual({ keyId, version, healthz, well }, { keyId: "k1", version: "v2", healthz: "ok", well: true });
});

Deno.test("probe() prints a table", async () => {
  const { out } = await probed({ v2, v1beta1 });
  match(out, /^Configuration: --socket; plugin: unix:\/\/\S+\nAPI +CALL +RESULT +TIME +DETAIL\n/);
  match(out, /v2 +Decrypt +ok +[\d.]+ m?s +the same 32 bytes\n/);
});

Deno.test("probe() does not count a disabled v1beta1 as a failure", async () => {
  const { status, out } = await probed({ v2 }, "--json");
  equal(status, 0);
  equal(results(out).at(-1), "v1beta1 Version: off");
});

Deno.test("probe() exits 69 and shows the message if healthz is not ok", async () => {
  const sick = { ...v2, Status: () => ({ version: "v2", healthz: "Vault is sealed.\x1b[2J", key_id: "k1" }) };
  const { status, out } = await probed({ v2: sick });
  equal(status, 69);
  match(out, /v2 +Status +unwell .*Vault is sealed\.\ufffd\[2J/);
});

const wrong: readonly (readonly [string, KmsHandlers, number, RegExp])[] = [
  ["other bytes", { v2: { ...v2, Decrypt: ({ ciphertext }) => ({ plaintext: ciphertext }) } }, 70, /other bytes/],
  [
    "another key ID than announced",
    { v2: { ...v2, Encrypt: (request, call) => ({ ...encrypted(v2.Encrypt(request, call)), key_id: "k2" }) } },
    70,
    /not the one that Status announced/,
  ],
  [
    "a ciphertext that is too long",
    {
      v2: { ...v2, Encrypt: () => ({ ciphertext: new Uint8Array(1025), key_id: "k1", annotations: {} }) },
    },
    70,
    /1025 bytes, more than 1024/,
  ],
  [
    "an annotation that is no domain name",
    {
      v2: {
        ...v2,
        Encrypt: () => ({ ciphertext: Uint8Array.of(1), key_id: "k1", annotations: { Nope: Uint8Array.of(1) } }),
      },
    },
    70,
    /not a lowercase domain name/,
  ],
  ["an empty key ID", { v2: { ...v2, Status: () => ({ version: "v2", healthz: "ok", key_id: "" }) } }, 70, /is empty/],
  ["version v1", { v2: { ...v2, Status: () => ({ version: "v1", healthz: "ok", key_id: "k" }) } }, 70, /v2 or v2beta1/],
  ["a refusal", { v2: { ...v2, Encrypt: refuse } }, 77, /PERMISSION_DENIED: No\./],
  [
    "an empty v1beta1 ciphertext",
    { v2, v1beta1: { ...v1beta1, Encrypt: () => ({ cipher: new Uint8Array() }) } },
    70,
    /v1beta1 +Encrypt ping .*is empty/,
  ],
];

function encrypted<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new TypeError("The double answers at once.");
  return answer;
}

function refuse(): never {
  throw new KmsError("permission_denied", "No.");
}

for (const [what, handlers, expected, complaint] of wrong) {
  Deno.test(`probe() rejects ${what}`, async () => {
    const { status, out } = await probed(handlers);
    equal(status, expected, out);
    match(out, complaint);
  });
}

Deno.test("probe() exits 69 if no server listens", async () => {
  const { status, out } = await probed(undefined, "--json");
  equal(status, 69);
  deepEqual(results(out), ["v2 Status: unreachable", "v1beta1 Version: unreachable"]);
});

Deno.test("probe(--wait) waits for Status to be ok", async () => {
  let requests = 0;
  const slow: Handlers<V2Rpcs> = {
    ...v2,
    Status() {
      requests++;
      if (requests === 1) throw new KmsError("unreachable", "No key ID is known yet.");
      return { version: "v2", healthz: requests === 2 ? "not yet" : "ok", key_id: "k1" };
    },
  };
  const { status } = await probed({ v2: slow }, "--wait", "--timeout", "30s");
  equal(status, 0);
  ok(requests >= 4, "three tries to wait and one to probe");
});

Deno.test("probe(--wait) stops after the timeout and reports the reason", async () => {
  const { status, out } = await probed(undefined, "--wait", "--timeout=300ms");
  equal(status, 69);
  match(out, /v2 +Status +unreachable/);
});

Deno.test("probe(--wait) ends at a signal", async () => {
  const controller = new AbortController();
  const terminal = fakeTerminal({ signal: controller.signal });
  const running = run(["probe", "--wait", "--socket", "/nonexistent/kms.sock"], trousseau, terminal);
  controller.abort();
  equal(await running, 69);
  match(terminal.err(), /the caller gave up/);
});

for (const words of [["--timeout", "5s"], ["--wait", "--timeout", "5"], ["--wait", "--timeout", "0s"]]) {
  Deno.test(`probe(${words.join(" ")}) is a usage error`, async () => {
    const terminal = fakeTerminal();
    equal(await run(["probe", "--socket", "/run/x.sock", ...words], trousseau, terminal), 64);
    match(terminal.err(), /--timeout is/);
  });
}

Deno.test("probe() identifies itself in its calls, so that a plugin can distinguish it from an API server", async () => {
  const uids: string[] = [];
  const noted: Handlers<V2Rpcs> = {
    ...v2,
    Encrypt: (request, call) => (uids.push(request.uid), v2.Encrypt(request, call)),
    Decrypt: (request, call) => (uids.push(request.uid), v2.Decrypt(request, call)),
  };
  equal((await probed({ v2: noted, v1beta1 })).status, 0);
  equal(uids.length, 2);
  for (const uid of uids) match(uid, /^trousseau-[0-9a-f-]{36}$/);
});

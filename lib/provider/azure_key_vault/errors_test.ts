import assert from "node:assert/strict";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { isUnusable, refusal, unexplained, unwrapRefusal } from "./errors.ts";

function answer(status: number, error?: unknown): HttpAnswer {
  return {
    status,
    body: error === undefined ? undefined : { error },
    bytes: new Uint8Array(),
    retryAfterMs: undefined,
    headers: {},
  };
}

const inner = (code: string) => ({ code: "Forbidden", message: "a text", innererror: { code } });

const meanings: readonly (readonly [status: number, error: unknown, code: string])[] = [
  [401, { code: "Unauthorized" }, "unauthenticated"],
  [403, inner("KeyDisabled"), "key_unusable"],
  [403, inner("KeyExpired"), "key_unusable"],
  [403, inner("KeyNotYetValid"), "key_unusable"],
  [403, inner("KeyOperationForbidden"), "key_unusable"],
  [403, inner("AccessDenied"), "permission_denied"],
  [403, inner("ForbiddenByPolicy"), "permission_denied"],
  [403, inner("ForbiddenByRbac"), "permission_denied"],
  [403, inner("ForbiddenByConnection"), "permission_denied"],
  [403, inner("ForbiddenByFirewall"), "permission_denied"],
  [403, inner("SomethingNew"), "permission_denied"],
  [403, { code: "Forbidden" }, "permission_denied"],
  [403, { code: "Forbidden", innerError: { code: "KeyDisabled" } }, "key_unusable"],
  [403, { code: "KeyDisabled", message: "a text" }, "key_unusable"],
  [403, { code: "ForbiddenByRbac" }, "permission_denied"],
  [403, { code: "Forbidden", message: "Operation wrapKey is not allowed on a disabled key." }, "key_unusable"],
  [403, { code: "Forbidden", message: "Operation WrapKey is not allowed on a disabled key" }, "key_unusable"],
  [403, { code: "Forbidden", message: "Operation wrapKey is not allowed on an expired key." }, "key_unusable"],
  [
    403,
    { code: "Forbidden", message: "Operation wrapKey is not allowed on a key that is not yet valid." },
    "key_unusable",
  ],
  [
    403,
    { code: "Forbidden", message: "a text. Operation wrapKey is not allowed on a disabled key." },
    "permission_denied",
  ],
  [403, { code: "Forbidden", message: 7 }, "permission_denied"],
  [403, { ...inner("ForbiddenByRbac"), message: "Operation x is not allowed on a disabled key." }, "permission_denied"],
  [
    403,
    { code: "Forbidden", innererror: { code: "ForbiddenByPolicy", innererror: { code: "KeyDisabled" } } },
    "key_unusable",
  ],
  [403, { code: "Forbidden", innererror: { code: "New", innererror: { code: "KeyDisabled" } } }, "key_unusable"],
  [404, { code: "KeyNotFound" }, "key_unknown"],
  [404, undefined, "provider_protocol"],
  [409, { code: "ObjectIsBeingDeleted" }, "key_unknown"],
  [409, { code: "ObjectIsDeletedButRecoverable" }, "key_unknown"],
  [400, { code: "BadParameter" }, "key_unusable"],
  [400, undefined, "provider_protocol"],
  [408, undefined, "unreachable"],
  [429, { code: "Throttled" }, "throttled"],
  [429, undefined, "throttled"],
  [500, undefined, "unreachable"],
  [503, { code: "hasOwnProperty" }, "unreachable"],
  [599, { code: 7 }, "unreachable"],
  [302, undefined, "provider_protocol"],
  [200, { code: "KeyNotFound" }, "provider_protocol"],
];

for (const [status, error, code] of meanings) {
  Deno.test(`refusal() maps ${status} ${JSON.stringify(error) ?? "without a body"} to ${code}`, () => {
    const { code: found, message } = refusal(answer(status, error), 'wrap with provider "azure"');
    assert.equal(found, code);
    assert.match(
      message,
      new RegExp(`^Cannot wrap with provider "azure": Key Vault answered ${status} \\([a-zA-Z' ,;-]+\\)\\.$`),
    );
    assert.ok(!message.includes("a text"));
  });
}

Deno.test("unwrapRefusal() maps a bad parameter to bytes that the key did not wrap, and everything else as refusal() does", () => {
  assert.equal(unwrapRefusal(answer(400, { code: "BadParameter" }), "unwrap").code, "integrity");
  for (const [status, error, code] of meanings.filter(([status]) => status !== 400)) {
    assert.equal(unwrapRefusal(answer(status, error), "unwrap").code, code);
  }
});

Deno.test("refusal() has a message for each reason of a 403", () => {
  const reasons = [
    "KeyDisabled",
    "KeyExpired",
    "KeyNotYetValid",
    "KeyOperationForbidden",
    "AccessDenied",
    "ForbiddenByRbac",
  ];
  const networks = ["ForbiddenByConnection", "ForbiddenByFirewall", "SomethingNew"];
  const messages = [...reasons, ...networks].map((code) => refusal(answer(403, inner(code)), "wrap").message);
  assert.equal(new Set(messages).size, messages.length);
});

Deno.test("isUnusable() is true for a 403 about the key version", () => {
  assert.ok(isUnusable(answer(403, inner("KeyDisabled"))));
  assert.ok(!isUnusable(answer(403, inner("AccessDenied"))) && !isUnusable(answer(404, { code: "KeyNotFound" })));
  assert.ok(!isUnusable(answer(200, inner("KeyDisabled"))));
});

Deno.test("unexplained() is true for a 403 without a known inner code", () => {
  assert.ok(unexplained(answer(403)) && unexplained(answer(403, inner("SomethingNew"))));
  assert.ok(!unexplained(answer(403, inner("KeyDisabled"))) && !unexplained(answer(404)));
});

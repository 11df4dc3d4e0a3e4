import { deepEqual, equal, match, ok } from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { KmsError } from "../../base/errors.ts";
import { errorOfRpc } from "../../net/grpc/status.ts";
import { failureOf, isSilent, type PluginCall } from "./failures.ts";

const { signal } = new AbortController();
const call = (verb: PluginCall["verb"]): PluginCall => ({ verb, action: `${verb} with provider "hsm"`, signal });
const said = "permission denied for token hunter2";

Deno.test("failureOf() has a code for every status and verb, and repeats nothing of the plugin's message", () => {
  for (const code of Object.values(status).filter((one): one is status => typeof one === "number")) {
    for (const verb of ["probe", "wrap", "unwrap"] as const) {
      const { code: found, message } = failureOf(errorOfRpc(code, said, "x"), call(verb), "/run/hsm.sock");
      ok(!message.includes("hunter2"));
      match(message, /^Cannot [ -~]+: the plugin answered [A-Z_]+[ -~]*\.$/);
      ok(!["request_invalid", "internal", "config", "cancelled", "quorum_not_reached"].includes(found), found);
    }
  }
});

Deno.test("failureOf() does not report a failing provider for statuses that stored bytes can provoke", () => {
  for (const code of [status.INVALID_ARGUMENT, status.OUT_OF_RANGE, status.DATA_LOSS]) {
    equal(failureOf(errorOfRpc(code, said, "x"), call("unwrap"), "/s").code, "integrity");
    equal(failureOf(errorOfRpc(code, said, "x"), call("wrap"), "/s").code, "provider_protocol");
  }
  const silent = [status.UNKNOWN, status.INTERNAL, status.ABORTED, status.ALREADY_EXISTS];
  deepEqual(silent.map((code) => isSilent(errorOfRpc(code, said, "x"))), silent.map(() => true));
  equal(isSilent(errorOfRpc(status.UNAVAILABLE, said, "x")), false);
  equal(isSilent(new KmsError("integrity", "x")), false);
});

Deno.test("failureOf() reports an answer that is too large as such, and not as throttling", () => {
  const large = errorOfRpc(status.RESOURCE_EXHAUSTED, "Received message larger than max (2097152 vs 1048576)", "x");
  equal(failureOf(large, call("wrap"), "/s").code, "provider_protocol");
  equal(failureOf(errorOfRpc(status.RESOURCE_EXHAUSTED, said, "x"), call("wrap"), "/s").code, "throttled");
});

Deno.test("failureOf() reports why no connection was made, and to which socket", () => {
  const error = errorOfRpc(status.UNAVAILABLE, "nobody listens.", "x", "nobody listens on the socket");
  const { code, message } = failureOf(error, call("probe"), "/run/hsm/kms\n.sock");
  equal(code, "unreachable");
  equal(message, 'Cannot probe with provider "hsm": nobody listens on the socket: /run/hsm/kms?.sock.');
});

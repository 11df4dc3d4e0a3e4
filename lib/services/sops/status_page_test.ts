import assert from "node:assert/strict";
import { wellStatus } from "../../../tests/support/fake_service.ts";
import type { SopsStatus } from "./status.ts";
import { keyServiceReadiness, sopsPages } from "./status_page.ts";

const away = { state: "lost", since: 0, forMs: 0, refused: true, message: "Vault refuses." } as const;
const provider = {
  name: "vault",
  kind: "vault-transit",
  health: "well",
  code: "ok",
  message: "",
  since: 1_000,
  lastGoodAt: undefined,
} as const;
const { quorum, needed, decrypts } = wellStatus;
const status: SopsStatus = {
  quorum,
  needed,
  decrypts,
  providers: [provider],
  retired: [],
  wrapOnly: [],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  canEncrypt: true,
};

Deno.test("keyServiceReadiness() depends only on the quorum", () => {
  assert.deepEqual(keyServiceReadiness(status), { ready: true, message: "" });
  assert.deepEqual(keyServiceReadiness({ quorum: away }), { ready: false, message: "Vault refuses." });
});

Deno.test("sopsPages() has no member, line or gauge of a key ID or of a data key in advance", () => {
  const pages = sopsPages(() => status);
  const page = pages.page("The audit stream fails.");
  assert.deepEqual(Object.keys(page.document()), [
    "ready",
    "reason",
    "telemetry",
    "quorum",
    "needed",
    "canEncrypt",
    "providers",
    "retired",
    "decrypts",
  ]);
  assert.equal(
    page.text(),
    "ready\nquorum: 1 of 1 needed, held\ntelemetry: The audit stream fails.\n\n" +
      "PROVIDER  KIND           HEALTH  SINCE                 WHY\n" +
      "vault     vault-transit  well    1970-01-01T00:00:01Z\n",
  );
  const names = pages.gauges().map(({ name }) => name);
  assert.ok(names.includes("trousseau_can_encrypt") && names.includes("trousseau_provider_health"));
  assert.ok(!names.some((name) => /key_id|ready_dek|state_folder|unopenable/.test(name)), names.join());
});

Deno.test("sopsPages() shows a provider that only wraps beside the others", () => {
  const pages = sopsPages(() => ({ ...status, wrapOnly: [{ ...provider, name: "recovery", kind: "age" }] }));
  const page = pages.page("");
  assert.match(page.text(), /^recovery +age +wrap only, well +1970-/m);
  assert.deepEqual((page.document()["wrapOnly"] as { name: string }[]).map(({ name }) => name), ["recovery"]);
});

Deno.test("sopsPages() says that a recovery key is loaded, and stays ready", () => {
  const page = sopsPages(() => ({ ...status, recoveryKeyLoaded: true })).page("");
  assert.ok(page.ready);
  assert.match(page.text(), /^recovery key: A recovery key is loaded: .* can forge it\./m);
  assert.match(String(page.document()["recoveryKey"]), /can forge it\./);
});

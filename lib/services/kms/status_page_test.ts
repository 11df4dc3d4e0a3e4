import assert from "node:assert/strict";
import { wellStatus } from "../../../tests/support/fake_service.ts";
import type { ServiceStatus } from "./status.ts";
import { kmsPages, pluginReadiness } from "./status_page.ts";

const failing: ServiceStatus = {
  ...wellStatus,
  decrypts: {
    windowMs: 300_000,
    refused: [{ code: "key_unknown", message: "No such key.", envelopes: 3, since: 0, lastAt: 0 }],
    lastOpenedAt: undefined,
    failing: true,
  },
};
const away = { state: "lost", since: 0, forMs: 0, refused: true, message: "Vault refuses." } as const;

Deno.test("pluginReadiness() is unready if stored data cannot be read, for any quorum", () => {
  const ready = pluginReadiness(600_000);
  assert.deepEqual([ready(wellStatus).ready, ready(wellStatus).message], [true, ""]);
  const red = ready(failing);
  assert.deepEqual(red.ready, false);
  assert.match(red.message, /^Stored data cannot be read: .* No such key\.$/);
  const both = ready({ ...failing, quorum: away });
  assert.deepEqual(both.ready, false);
  assert.match(both.message, /^Vault refuses\. Stored data cannot be read: /);
});

Deno.test("kmsPages() stays ready with fewer refusals, and reports them", () => {
  const few = { ...failing, decrypts: { ...failing.decrypts, failing: false } };
  const pages = kmsPages(() => few, pluginReadiness(600_000));
  const page = pages.page("");
  assert.equal(page.ready, true);
  assert.match(page.text(), /^ready\n[^]*\nrefused Decrypts: 3 envelopes in the last 5 minutes, /);
});

Deno.test("kmsPages() tells the hash of the configuration and the time, by which nodes are compared", () => {
  const pages = kmsPages(() => failing, pluginReadiness(600_000), "0011223344556677", { wall: () => 0 });
  const { configuration, time } = Object(pages.page("").document());
  assert.deepEqual([configuration, time], ["0011223344556677", "1970-01-01T00:00:00.000Z"]);
  const embedded = Object(kmsPages(() => failing, pluginReadiness(600_000)).page("").document());
  assert.equal(embedded.configuration, null);
});

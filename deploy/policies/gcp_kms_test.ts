import assert from "node:assert/strict";
import { parse } from "yaml";
import { GcpDouble, gcpKey } from "../../tests/support/gcp_double.ts";
import { openGcp } from "../../tests/support/gcp_settings.ts";
import { newDek, probe, refuses, unwrap, wrap } from "../../tests/conformance/stage.ts";

const role: Readonly<Record<string, unknown>> = parse(
  await Deno.readTextFile(new URL("gcp-kms.yaml", import.meta.url)),
);
const allowed = (role.includedPermissions as readonly string[]).toSorted();

/** Everything that a provider does in its life: probe, wrap, follow a rotation, wrap with an older version, unwrap. */
async function live(gcp: GcpDouble): Promise<void> {
  await using provider = (await openGcp(gcp)).provider;
  const dek = newDek();
  const state = await probe(provider);
  const wrapped = await wrap(provider, dek, state);
  gcp.keys.rotate(gcpKey);
  for (let probes = 0; probes < 11; probes++) await probe(provider);
  assert.deepEqual(await unwrap(provider, await wrap(provider, dek, state)), dek);
  assert.deepEqual(await unwrap(provider, wrapped), dek);
}

Deno.test("gcp-kms.yaml allows what the provider does, and nothing that it does not", async () => {
  await using gcp = await GcpDouble.start();
  gcp.fault = { kind: "rights", permissions: allowed };
  await live(gcp);
  const used = new Set(gcp.calls.flatMap(({ permission }) => permission === undefined ? [] : [permission]));
  assert.deepEqual([...used].toSorted(), allowed);
});

for (const permission of allowed) {
  Deno.test(`gcp-kms.yaml: without ${permission} the first probe is refused`, async () => {
    await using gcp = await GcpDouble.start();
    gcp.fault = { kind: "rights", permissions: allowed.filter((one) => one !== permission) };
    await using provider = (await openGcp(gcp)).provider;
    await refuses(provider, probe(provider), ["permission_denied"], permission);
  });
}

Deno.test("gcp-kms.yaml has the fields that gcloud takes for a role", () => {
  assert.deepEqual(Object.keys(role), ["title", "description", "stage", "includedPermissions"]);
  assert.equal(role.stage, "GA");
});

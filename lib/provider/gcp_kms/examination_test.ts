import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { GcpDouble, gcpKey } from "../../../tests/support/gcp_double.ts";
import { openGcp } from "../../../tests/support/gcp_settings.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { keyFindings } from "../key_findings.ts";
import type { Provider } from "../provider.ts";

async function withKms(work: (double: GcpDouble, provider: Provider) => Promise<void>): Promise<void> {
  await using double = await GcpDouble.start();
  await using provider = (await openGcp(double)).provider;
  await work(double, provider);
}

/** The findings as ID and version. */
async function found(provider: Provider, ...versions: readonly string[]) {
  const examined = await provider.examine?.(versions, patient);
  return examined?.findings.map(({ id, texts }) => [id, texts["version"]].filter((one) => one !== undefined).join(" "));
}

const version = (number: number) => `${gcpKey}/cryptoKeyVersions/${number}`;

Deno.test("examine() tells the protection level of a healthy key, in two calls", () =>
  withKms(async (double, provider) => {
    double.keys.protectionLevel = "HSM";
    deepEqual(await found(provider, version(1)), ["gcp-key-held"]);
    deepEqual(double.operations, ["get", "list"]);
  }));

Deno.test("examine() finds an external key", () =>
  withKms(async (double, provider) => {
    double.keys.protectionLevel = "EXTERNAL_VPC";
    deepEqual(await found(provider), ["gcp-key-external"]);
  }));

Deno.test("examine() finds versions to be destroyed on every page, and disabled ones that this node has sealed with", () =>
  withKms(async (double, provider) => {
    double.keys.pageSize = 2;
    for (let number = 2; number <= 5; number++) double.keys.rotate(gcpKey);
    double.keys.setState(gcpKey, "DISABLED", 1);
    double.keys.setState(gcpKey, "DISABLED", 2);
    double.keys.setState(gcpKey, "DESTROY_SCHEDULED", 4);
    deepEqual(await found(provider, version(1), version(4)), ["gcp-version-disabled 1", "gcp-version-destroyed 4"]);
    deepEqual(double.operations, ["get", "list", "list", "list"]);
  }));

Deno.test("examine() only warns of a version to be destroyed that this node has not sealed with, or has forgotten", () =>
  withKms(async (double, provider) => {
    for (let number = 2; number <= 3; number++) double.keys.rotate(gcpKey);
    double.keys.setState(gcpKey, "DESTROY_SCHEDULED", 2);
    deepEqual(await found(provider, version(1), version(3)), ["gcp-other-version-destroyed 2"]);
    equal(keyFindings["gcp-other-version-destroyed"].severity, "warn");
  }));

Deno.test("examine() says nothing of versions that the login may not list, and finds nothing that it may not read", () =>
  withKms(async (double, provider) => {
    double.keys.setState(gcpKey, "DESTROY_SCHEDULED");
    double.fault = { kind: "rights", permissions: ["cloudkms.cryptoKeys.get"] };
    deepEqual(await found(provider), []);
    double.keys.protectionLevel = "EXTERNAL";
    deepEqual(await found(provider), ["gcp-key-external"]);
    double.fault = { kind: "rights", permissions: [] };
    deepEqual(await found(provider), []);
  }));

Deno.test("examine() tells by how much Google's clock is ahead", () =>
  withKms(async (double, provider) => {
    await provider.probe(patient);
    double.advance(100);
    const ahead = (await provider.examine?.([], patient))?.clockAheadMs ?? NaN;
    ok(ahead > 90_000 && ahead < 110_000, `${ahead}`);
  }));

Deno.test("examine() fails as a probe does for a missing key, and for faults of the connection", () =>
  withKms(async (double, provider) => {
    await provider.probe(patient);
    const fails = async (fault: GcpDouble["fault"], code: Parameters<typeof refusedWith>[0]) => {
      double.fault = fault;
      const call = fault?.kind === "hang" ? within(300) : patient;
      await rejects(provider.examine?.([], call) ?? Promise.resolve(), refusedWith(code));
    };
    await fails({ kind: "hang" }, "deadline_exceeded");
    await fails({ kind: "status", status: 503 }, "unreachable");
    await fails({ kind: "half" }, "unreachable");
    double.keys.delete(gcpKey);
    await fails(undefined, "key_unknown");
  }));

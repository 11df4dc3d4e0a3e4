import { deepEqual, ok, rejects } from "node:assert/strict";
import type { AwsDouble } from "../../../tests/support/aws_double.ts";
import { withAws } from "../../../tests/support/aws_provider.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import type { Provider } from "../provider.ts";

/** The IDs that an examination finds. */
async function ids(provider: Provider): Promise<readonly string[]> {
  return (await provider.examine?.([], patient))?.findings.map(({ id }) => id) ?? [];
}

Deno.test("examine() finds nothing bad about an enabled key that AWS rotates, in two calls", () =>
  withAws(async (double, provider) => {
    deepEqual(await ids(provider), ["aws-key-held"]);
    deepEqual(double.operations, ["DescribeKey", "GetKeyRotationStatus"]);
  }));

Deno.test("examine() finds the end of a key, a disabled key, and no rotation", () =>
  withAws(async (double, provider) => {
    const { keys, arn } = double;
    keys.change(arn, { rotates: false });
    deepEqual(await ids(provider), ["aws-key-held", "aws-rotation-off"]);
    keys.change(arn, { rotates: true, state: "PendingDeletion", more: { DeletionDate: 1_900_000_000 } });
    const [pending] = (await provider.examine?.([], patient))?.findings ?? [];
    deepEqual(pending, {
      id: "aws-key-pending-deletion",
      texts: { name: "aws", arn, date: "2030-03-17T17:46:40.000Z" },
    });
    keys.change(arn, { state: "Disabled", more: {} });
    deepEqual(await ids(provider), ["aws-key-disabled"]);
  }));

Deno.test("examine() finds the end of imported material by the days that are left", () =>
  withAws(async (double, provider) => {
    const at = async (days: number | undefined) => {
      const ValidTo = days === undefined ? undefined : Math.floor(Date.now() / 1000) + days * 86_400;
      const more = { Origin: "EXTERNAL", ExpirationModel: "KEY_MATERIAL_EXPIRES", ValidTo };
      double.keys.change(double.arn, { state: "Enabled", rotates: false, more });
      return await ids(provider);
    };
    deepEqual(await at(-1), ["aws-key-material-ends"]);
    deepEqual(await at(29), ["aws-key-material-ends"]);
    deepEqual(await at(31), ["aws-key-material-ends-later"]);
    deepEqual(await at(undefined), ["aws-key-material-ends-later"]);
    deepEqual(await at(3650), ["aws-key-material-held"]);
  }));

Deno.test("examine() finds nothing about what the login may not read", () =>
  withAws(async (double, provider) => {
    double.keys.change(double.arn, { rotates: false });
    double.fault = { kind: "rights", actions: ["kms:DescribeKey"] };
    deepEqual(await ids(provider), ["aws-key-held"]);
    double.fault = { kind: "rights", actions: [] };
    deepEqual(await ids(provider), []);
  }));

Deno.test("examine() tells by how much AWS's clock is ahead", () =>
  withAws(async (double, provider) => {
    double.advance(100);
    const ahead = (await provider.examine?.([], patient))?.clockAheadMs ?? NaN;
    ok(ahead > 90_000 && ahead < 110_000, `${ahead}`);
  }));

Deno.test("examine() fails as a probe does for a missing key, and for faults of the connection", () =>
  withAws(async (double, provider) => {
    const fails = async (fault: AwsDouble["fault"], code: Parameters<typeof refusedWith>[0]) => {
      double.fault = fault;
      const call = fault?.kind === "hang" ? within(300) : patient;
      await rejects(provider.examine?.([], call) ?? Promise.resolve(), refusedWith(code));
    };
    await fails({ kind: "hang" }, "deadline_exceeded");
    await fails({ kind: "status", status: 500, code: "KMSInternalException" }, "unreachable");
    await fails({ kind: "half" }, "unreachable");
    double.fault = undefined;
    double.keys.delete(double.arn);
    await fails(undefined, "key_unknown");
  }));

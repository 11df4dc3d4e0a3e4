/**
 * The examination of a key in AWS KMS: its state, its end, and whether AWS rotates it.
 *
 * @module
 */
import { DescribeKeyCommand, GetKeyRotationStatusCommand, type KeyMetadata } from "@aws-sdk/client-kms";
import { rfc3339, systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { type KeyExamination, type KeyFinding, keyFinding } from "../key_findings.ts";
import type { AwsKmsSession } from "./session.ts";
import type { AwsKmsSettings } from "./settings.ts";

/** Milliseconds before the end of imported material: 30 days and 90 days. Only its owner can import it again. */
const materialEnds = { soonMs: 30 * 86_400_000, laterMs: 90 * 86_400_000 } as const;

/** See `Examine` of `lib/provider/provider.ts`. */
export async function examineAwsKey(
  { name, key }: Pick<AwsKmsSettings, "name" | "key">,
  session: AwsKmsSession,
  call: HttpCall,
): Promise<KeyExamination> {
  const described = await permitted(session.ask(
    "DescribeKey",
    (client, options) => client.send(new DescribeKeyCommand({ KeyId: key }), options),
    call,
  ));
  const metadata = described?.KeyMetadata;
  const ofKey = metadata === undefined ? [] : aboutKey(name, metadata);
  const rotation = metadata === undefined ? [] : await aboutRotation(name, metadata, session, call);
  return { findings: [...ofKey, ...rotation], remarks: [], clockAheadMs: session.clockAheadMs };
}

function aboutKey(name: string, metadata: KeyMetadata): readonly KeyFinding[] {
  const { Arn: arn = "", KeyState: state = "?", DeletionDate, ExpirationModel, ValidTo } = metadata;
  const ends = ExpirationModel === "KEY_MATERIAL_EXPIRES" ? [aboutEnd(name, ValidTo)] : [];
  if (/^PendingDeletion|^PendingReplicaDeletion/.test(state)) {
    return [keyFinding("aws-key-pending-deletion", { name, arn, date: dateText(DeletionDate) }), ...ends];
  }
  if (state !== "Enabled" && state !== "Updating") {
    return [keyFinding("aws-key-disabled", { name, arn, state }), ...ends];
  }
  return ends.length > 0 ? ends : [keyFinding("aws-key-held", { name })];
}

/** A date that is not told counts as one that is near enough for a warning. */
function aboutEnd(name: string, validTo: Date | undefined): KeyFinding {
  const texts = { name, date: dateText(validTo) };
  const leftMs = validTo === undefined ? materialEnds.soonMs : validTo.getTime() - systemClock.wall();
  if (leftMs < materialEnds.soonMs) return keyFinding("aws-key-material-ends", texts);
  return keyFinding(leftMs < materialEnds.laterMs ? "aws-key-material-ends-later" : "aws-key-material-held", texts);
}

/** AWS rotates keys of its own material only; a key store of the customer's and imported material are his to rotate. */
async function aboutRotation(
  name: string,
  { Arn: arn = "", Origin, KeySpec, KeyState }: KeyMetadata,
  session: AwsKmsSession,
  call: HttpCall,
): Promise<readonly KeyFinding[]> {
  const isRotatable = (Origin ?? "AWS_KMS") === "AWS_KMS" && KeySpec === "SYMMETRIC_DEFAULT" && KeyState === "Enabled";
  if (!isRotatable) return [];
  const answer = await permitted(session.ask(
    "GetKeyRotationStatus",
    (client, options) => client.send(new GetKeyRotationStatusCommand({ KeyId: arn }), options),
    call,
  ));
  return answer?.KeyRotationEnabled === false ? [keyFinding("aws-rotation-off", { name, arn })] : [];
}

/** The answer; `undefined` if the login may not ask for it. */
async function permitted<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof KmsError && thrown.code === "permission_denied") return undefined;
    throw thrown;
  }
}

function dateText(date: Date | undefined): string {
  return (date === undefined ? undefined : rfc3339(date.getTime())) ?? "a date that it does not tell";
}

/**
 * Calls a KMS plugin as kube-apiserver does, and checks its responses against kube-apiserver's limits.
 *
 * @module
 */
import { equalBytes, utf8 } from "../../base/bytes.ts";
import { systemClock } from "../../base/clock.ts";
import { type ErrorCode, KmsError, toKmsError } from "../../base/errors.ts";
import type { KmsApi } from "../../api/kms/messages.ts";
import type { KmsClient } from "../../api/kms/client.ts";
import { complaintAboutCipher, complaintAboutSealed, complaintAboutStatus } from "../../api/kms/limits.ts";
import type { EncryptResponse, StatusResponse } from "../../api/kms/messages.ts";
import { isUnimplemented } from "../../net/grpc/status.ts";
import { toolUid } from "../../api/kms/tool_uid.ts";

/** One call and its result. */
export interface ProbeStep {
  readonly api: KmsApi;
  /** The name of the method, for instance `Encrypt`. */
  readonly rpc: string;
  /** `off`: the plugin does not serve this API. `unwell`: it responds that it is unhealthy. */
  readonly result: "ok" | "off" | "unwell" | ErrorCode;
  /** Duration in milliseconds. */
  readonly ms: number;
  /** The response, or the reason why there was none. */
  readonly detail: string;
}

/** All calls, and the response of Status. */
export interface ProbeReport {
  readonly status: StatusResponse | undefined;
  readonly steps: readonly ProbeStep[];
}

/** Size of a DEK seed of kube-apiserver in bytes. */
const seedBytes = 32;

/** A response with the properties that are checked. */
interface Answer<T> {
  readonly value: T;
  readonly detail: string;
  readonly unwell?: boolean;
}

/** Makes the calls of both APIs in kube-apiserver's order. The first failure of an API ends its calls. */
export async function probeKms(client: KmsClient, signal: AbortSignal): Promise<ProbeReport> {
  const steps: ProbeStep[] = [];
  const status = await probeV2(client.v2, signal, steps);
  await probeV1beta1(client.v1beta1, signal, steps);
  if (!steps.every(({ result }) => result === "off")) return { status, steps };
  const detail = "The plugin serves neither KMS v2 nor v1beta1.";
  return { status, steps: steps.map((step) => ({ ...step, result: "provider_protocol", detail })) };
}

async function probeV2(
  v2: KmsClient["v2"],
  signal: AbortSignal,
  steps: ProbeStep[],
): Promise<StatusResponse | undefined> {
  const status = await step(steps, "v2", "Status", async () => judgeStatus(await v2.Status({}, { signal })));
  if (status === undefined) return undefined;
  const plaintext = crypto.getRandomValues(new Uint8Array(seedBytes));
  const uid = toolUid();
  const sealed = await step(steps, "v2", "Encrypt", async () => {
    return judgeEncrypt(await v2.Encrypt({ plaintext, uid }, { signal }), status.key_id);
  });
  if (sealed === undefined) return status;
  await step(steps, "v2", "Decrypt", async () => {
    return judgePlaintext((await v2.Decrypt({ ...sealed, uid: toolUid() }, { signal })).plaintext, plaintext);
  });
  return status;
}

async function probeV1beta1(v1: KmsClient["v1beta1"], signal: AbortSignal, steps: ProbeStep[]): Promise<void> {
  const version = "v1beta1";
  const known = await step(steps, version, "Version", async () => {
    const answer = await v1.Version({ version }, { signal });
    if (answer.version !== version) throw unacceptable(`its version must be ${version}`);
    return { value: true, detail: `${answer.runtime_name} ${answer.runtime_version}` };
  });
  if (known === undefined) return;
  const encrypt = (plain: Uint8Array) => async () => {
    const { cipher } = await v1.Encrypt({ version, plain }, { signal });
    refuseIf(complaintAboutCipher(cipher));
    return { value: cipher, detail: `${cipher.length} bytes` };
  };
  const plain = crypto.getRandomValues(new Uint8Array(seedBytes));
  // The API server's health check of v1beta1 encrypts these four bytes.
  if (await step(steps, version, "Encrypt ping", encrypt(utf8("ping"))) === undefined) return;
  const cipher = await step(steps, version, "Encrypt", encrypt(plain));
  if (cipher === undefined) return;
  await step(steps, version, "Decrypt", async () => {
    return judgePlaintext((await v1.Decrypt({ version, cipher }, { signal })).plain, plain);
  });
}

/** Makes a call and records it with its duration; `undefined` if the following calls would be pointless. */
async function step<T>(
  steps: ProbeStep[],
  api: KmsApi,
  rpc: string,
  call: () => Promise<Answer<T>>,
): Promise<T | undefined> {
  const startedAt = systemClock.now();
  const note = (result: ProbeStep["result"], detail: string) => {
    steps.push({ api, rpc, result, ms: systemClock.now() - startedAt, detail });
  };
  try {
    const { value, detail, unwell } = await call();
    note(unwell ? "unwell" : "ok", detail);
    return value;
  } catch (thrown) {
    const error = toKmsError(thrown);
    const isFirst = !steps.some((earlier) => earlier.api === api);
    if (isFirst && isUnimplemented(error)) note("off", "The plugin does not serve it.");
    else note(error.code, error.message);
    return undefined;
  }
}

function judgeStatus(status: StatusResponse): Answer<StatusResponse> {
  const { version, healthz, key_id } = status;
  refuseIf(complaintAboutStatus(status));
  return healthz === "ok"
    ? { value: status, detail: `${version}, key ID ${key_id}` }
    : { value: status, detail: healthz, unwell: true };
}

function judgeEncrypt(answer: EncryptResponse, announced: string): Answer<EncryptResponse> {
  const { ciphertext, key_id, annotations } = answer;
  if (key_id !== announced) throw unacceptable("its key ID is not the one that Status announced");
  refuseIf(complaintAboutSealed(answer));
  const pairs = Object.entries(annotations);
  const sum = pairs.reduce((bytes, [key, value]) => bytes + utf8(key).length + value.length, 0);
  return { value: answer, detail: `${ciphertext.length} bytes, and ${sum} in ${pairs.length} annotations` };
}

function judgePlaintext(opened: Uint8Array, plaintext: Uint8Array): Answer<true> {
  if (!equalBytes(opened, plaintext)) throw unacceptable("it gave back other bytes than were encrypted");
  return { value: true, detail: `the same ${plaintext.length} bytes` };
}

function refuseIf(complaint: string | undefined): void {
  if (complaint !== undefined) throw unacceptable(complaint);
}

function unacceptable(why: string): KmsError {
  return new KmsError("provider_protocol", `kube-apiserver would refuse this answer: ${why}.`);
}

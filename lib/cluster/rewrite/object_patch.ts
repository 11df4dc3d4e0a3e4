/**
 * Makes the API server write one object again, without its content in request or answer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { HttpAnswer } from "../../net/https/http_answer.ts";
import { field } from "../../net/https/fields.ts";
import { readTable, tableType, withoutObjects } from "../apiserver/table.ts";
import { type Collection, collectionPath, objectPath } from "./object_names.ts";
import { lookForObject } from "./object_pages.ts";
import { askPatiently, type PatientCall } from "./patient_requests.ts";

/** The result for one object. */
export type PatchResult =
  /** The API server has it under the key that it writes with now. `revision`: of its last write. */
  | { readonly kind: "done"; readonly revision: number | undefined }
  /** It does not exist any more, as a list confirms. */
  | { readonly kind: "gone" }
  /** `serverFault`: the answer was 5xx after all tries. */
  | { readonly kind: "refused"; readonly sentence: string; readonly serverFault: boolean };

/** Maximum size of an answer in bytes: one row, and the description of each column. */
const maxAnswerBytes = 1 << 20;

/** Length in characters at which a sentence of the API server is cut. */
const maxSentence = 300;

/**
 * Sends a merge patch, which is `{}` over KMS v2: the API server writes a stale object although nothing changes.
 *
 * @throws {KmsError} if the run cannot go on: the connection fails, the credentials are not accepted (401), the API server
 *   throttles for too long, or an answer is no Table.
 */
export async function patchObject(
  call: PatientCall,
  collection: Collection,
  name: string,
  patch: object = {},
): Promise<PatchResult> {
  for (let tries = 1;; tries++) {
    const result = await patchOnce(call, collection, name, patch);
    if (result.kind !== "gone") return result;
    const exists = await lookForObject(call, collection, name);
    if (exists === false) return result;
    if (exists !== true) return refusedOr(call, exists.refused, collectionPath(collection));
    // The object was created anew since the patch; once.
    if (tries === 2) return { kind: "refused", sentence: listedAndGone, serverFault: false };
  }
}

const listedAndGone = "the API server lists it, and answers 404 to its patch";

async function patchOnce(call: PatientCall, collection: Collection, name: string, patch: object): Promise<PatchResult> {
  const path = objectPath(collection, name);
  const answer = await askPatiently(call, {
    method: "PATCH",
    path: `${path}?${withoutObjects}&fieldManager=trousseau-rewrite`,
    accept: tableType,
    body: { type: "application/merge-patch+json", bytes: Buffer.from(JSON.stringify(patch)) },
    maxBytes: maxAnswerBytes,
  });
  const { status } = answer;
  if (status === 200) return { kind: "done", revision: readTable(answer.body, call.action).revision };
  if (status === 404) return { kind: "gone" };
  return refusedOr(call, answer, path);
}

/** The refusal of one object. @throws {KmsError} if the answer ends the run. */
function refusedOr(call: PatientCall, answer: HttpAnswer, path: string): PatchResult {
  if (endsRun(answer.status)) throw call.client.errorOf(answer, path, call.action);
  return { kind: "refused", sentence: refusalSentence(answer), serverFault: answer.status >= 500 };
}

/** Whether no other object would be answered otherwise. */
export function endsRun(status: number): boolean {
  return status === 401 || status === 429 || status === 503;
}

/**
 * The reason of a Status of the API server, or its HTTP status. Fields and the reasons of their refusal take the place of
 * a message that shows values of the object.
 */
export function refusalSentence({ status, body }: Pick<HttpAnswer, "status" | "body">): string {
  const isStatus = field(body, "kind") === "Status";
  const [message, reason] = isStatus ? [field(body, "message"), field(body, "reason")] : [];
  const causes = isStatus ? fieldCauses(field(field(body, "details"), "causes")) : "";
  if (causes !== "") return shortened(`${typeof reason === "string" ? reason : status}: ${causes}`);
  if (typeof message !== "string" || message === "") return `it answered ${status}`;
  return cutBeforeValue(message);
}

/** A message of the API server, cut before a value of an object that it shows, and at a length that fits on a screen. */
export function cutBeforeValue(message: string): string {
  const [, before] = beforeValue.exec(message) ?? [];
  return before === undefined ? shortened(message) : `${before.slice(0, maxSentence)} …`;
}

/** The beginnings of messages of k8s.io/apimachinery, `pkg/util/validation/field`, behind which a value stands. */
const beforeValue = /^(.*?\b(?:(?:invalid|unsupported|duplicate) value|not found(?=: )|too (?:many|few)(?=: )))/is;

/** The fields of all causes; `""` if one has none, as that of a policy. */
function fieldCauses(causes: unknown): string {
  const rows = (Array.isArray(causes) ? causes : []).map((cause) => {
    const [name, reason] = [field(cause, "field"), field(cause, "reason")];
    return typeof name === "string" && name !== ""
      ? `${name} (${typeof reason === "string" ? reason : "refused"})`
      : "";
  });
  return rows.includes("") ? "" : rows.join(", ");
}

function shortened(text: string): string {
  return text.length <= maxSentence ? text : `${text.slice(0, maxSentence)} …`;
}

/** The merge patch that sets an annotation without content. */
export function annotating(annotation: string): object {
  return { metadata: { annotations: { [annotation]: "" } } };
}

/** The merge patch that takes it away. */
export function unannotating(annotation: string): object {
  return { metadata: { annotations: { [annotation]: null } } };
}

/**
 * All criteria for a KMS plugin, in the order in which they are tried.
 *
 * @module
 */
import {
  acceptsOldAuthority,
  answersAtOnce,
  answersV1AtOnce,
  isInTime,
  isStillWell,
  servesTwoClients,
  survivesCancelledCalls,
} from "./concurrency.ts";
import {
  announcesWhatItUses,
  keepsToLimits,
  keepsToV1Limits,
  opensOthers,
  opensSeed,
  opensV1Seed,
  sealsDiffer,
  v1SealsDiffer,
} from "./round_trips.ts";
import { isQuick, isWell, saysTheSame, statusIsSound } from "./status.ts";
import type { Subject, SubjectApi } from "./subject.ts";
import { changed, changedV1, refusesWithCode, survivesChanged } from "./tampering.ts";
import { Unmet, Untried } from "./verdict.ts";

/** One criterion. */
export interface CriterionRow {
  readonly api: SubjectApi;
  /** `must`: kube-apiserver or the data depends on it. `should`: it helps operators. */
  readonly weight: "must" | "should";
  /** Tries the criterion. @returns the observation in a few words @throws `Unmet`, `Untried` or the error of a call */
  readonly attempt: (subject: Subject) => Promise<string>;
  /**
   * Whether it evaluates earlier observations and sends no request, so that it also has a result if the plugin is gone.
   */
  readonly looksBack?: boolean;
}

function must(api: SubjectApi, attempt: CriterionRow["attempt"]): CriterionRow {
  return { api, weight: "must", attempt };
}

function should(api: SubjectApi, attempt: CriterionRow["attempt"]): CriterionRow {
  return { api, weight: "should", attempt };
}

function lookingBack(row: CriterionRow): CriterionRow {
  return { ...row, looksBack: true };
}

/** A criterion that needs an operator's action on the plugin or its KMS. It is listed as untried. */
function byHand(why: string): CriterionRow {
  return lookingBack(must("v2", () => Promise.reject(new Untried(why))));
}

async function versionIsSound({ client, signal }: Subject): Promise<string> {
  const answer = await client.v1beta1.Version({ version: "v1beta1" }, { signal });
  if (answer.version !== "v1beta1") throw new Unmet(`it says: ${answer.version}`);
  return `${answer.runtime_name} ${answer.runtime_version}`;
}

/** The criteria, by name. */
export const criteria = {
  "Status says version v2 or v2beta1, and a key_id of 1 to 1,024 bytes": must("v2", statusIsSound),
  "Status says that it is well": must("v2", isWell),
  "Status says the same to everybody": must("v2", saysTheSame),
  "Status answers within a second": must("v2", isQuick),
  "Encrypt uses the key_id that Status announces": must("v2", announcesWhatItUses),
  "what Encrypt gives is within kube-apiserver's limits": must("v2", keepsToLimits),
  "a seed of 32 bytes comes back": must("v2", opensSeed),
  "47, 64 and 128 bytes come back": should("v2", opensOthers),
  "two ciphertexts of one plaintext differ": should("v2", sealsDiffer),
  "a changed ciphertext never opens to other bytes": must("v2", changed("ciphertext", "never other")),
  "a changed ciphertext is refused": should("v2", changed("ciphertext", "refused")),
  "a foreign key_id never opens to other bytes": must("v2", changed("key_id", "never other")),
  "a foreign key_id is refused": should("v2", changed("key_id", "refused")),
  "changed annotations never open to other bytes": must("v2", changed("annotations", "never other")),
  "changed annotations are refused": should("v2", changed("annotations", "refused")),
  "no changed request ends the plugin": lookingBack(must("v2", survivesChanged("v2"))),
  "what is refused is refused by a code, and not by UNKNOWN": lookingBack(should("v2", refusesWithCode("v2"))),
  "calls at once each get their own answer": must("v2", answersAtOnce),
  "two clients are served, and one that leaves disturbs nobody": must("v2", servesTwoClients),
  "calls that are given up cost nobody anything": must("v2", survivesCancelledCalls),
  ":authority may be the socket's path, as kube-apiserver 1.29 to 1.31 sends it": must("v2", acceptsOldAuthority),
  "Encrypt and Decrypt answer within 3 seconds": must("v2", isInTime),
  "all is well after all that": must("v2", isStillWell),
  "a new key version is a new key_id": byHand("its key would have to be rotated"),
  "Status answers while its KMS is away": byHand("its KMS would have to be taken away"),
  "what was sealed before a restart opens after it": byHand("it would have to be restarted"),
  "Version says v1beta1": must("v1beta1", versionIsSound),
  "a v1beta1 ciphertext has 1 to 65,535 bytes": must("v1beta1", keepsToV1Limits),
  "4 and 32 bytes come back over v1beta1": must("v1beta1", opensV1Seed),
  "two v1beta1 ciphertexts of one plaintext differ": should("v1beta1", v1SealsDiffer),
  "a changed v1beta1 ciphertext never opens to other bytes": must("v1beta1", changedV1("never other")),
  "a changed v1beta1 ciphertext is refused": should("v1beta1", changedV1("refused")),
  "no changed v1beta1 request ends the plugin": lookingBack(must("v1beta1", survivesChanged("v1beta1"))),
  "what is refused over v1beta1 is refused by a code": lookingBack(should("v1beta1", refusesWithCode("v1beta1"))),
  "v1beta1 calls at once each get their own answer": must("v1beta1", answersV1AtOnce),
} as const satisfies Record<string, CriterionRow>;

/** A name in {@linkcode criteria}. */
export type PluginCriterion = keyof typeof criteria;

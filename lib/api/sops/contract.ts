/**
 * The gRPC service of SOPS' key service, from the proto file that is embedded as text.
 *
 * @module
 */
import { type ServiceContract, serviceContract } from "../../net/grpc/contract.ts";
import proto from "../../../proto/sops_keyservice.proto" with { type: "text" };
import type { SopsRpcs } from "./messages.ts";

/** The deadline of a call in milliseconds. sops sets none. A wrap waits for all providers of the key. */
export const sopsDeadlineMs = 15_000;

/** Parses the proto file: a few milliseconds, once for each server or client. */
export function sopsContract(): ServiceContract<SopsRpcs> {
  return serviceContract<SopsRpcs>(proto, "KeyService");
}

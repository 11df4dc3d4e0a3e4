/**
 * The handlers of both KMS APIs over one service.
 *
 * @module
 */
import type { Notify } from "../../telemetry/events.ts";
import type { KmsHandlers } from "../../api/kms/server.ts";
import type { AnswerStatus, Service } from "./service.ts";
import { notedBug } from "../../net/grpc/rpc_event.ts";
import { noteUnreadableKms } from "./rpc_event.ts";
import { type OutageDecision, outageDecision, type OutageSettings, type OutageState, outageState } from "./outage.ts";
import { v1beta1Handlers } from "./v1beta1.ts";
import { v2Handlers } from "./v2.ts";

/** Options of {@linkcode kmsHandlers}. */
export interface HandlerOptions {
  readonly service: Service;
  readonly kms: { readonly v1beta1: boolean; readonly reportVersion: "v2" | "v2beta1" };
  readonly outage: OutageSettings;
  readonly notify: Notify;
  /** The semantic version of this release. */
  readonly version: string;
}

/** Makes the handlers of both KMS APIs. With `kms.v1beta1: false` the v1beta1 API is not registered. */
export function kmsHandlers(options: HandlerOptions): KmsHandlers {
  const { service, notify, kms } = options;
  const judge = withTransitions(options);
  const context = {
    service,
    notify,
    decide: (call: "status" | "encrypt") => judge(call === "status" ? service.status() : service.encryptStatus()),
  };
  return {
    v2: v2Handlers(context, kms.reportVersion),
    v1beta1: kms.v1beta1 ? v1beta1Handlers(context, options.version) : undefined,
    unreadable: noteUnreadableKms(notify),
    broken: notedBug(notify),
  };
}

/** Decides how to answer, and notifies when an outage begins, passes `after`, turns into a refusal, or ends. */
function withTransitions({ outage, notify }: HandlerOptions): (status: AnswerStatus) => OutageDecision {
  let last: OutageState = "none";
  return (status) => {
    const state = outageState(status.quorum, outage.afterMs);
    if (state !== last) {
      last = state;
      const message = status.quorum.state === "lost" ? status.quorum.message : "The wrap quorum is held again.";
      notify({ type: "outage", state, policy: outage.policy, message });
    }
    return outageDecision(outage, status);
  };
}

/**
 * Answers to requests that reach no operation. They are counted as the others are.
 *
 * @module
 */
import { unroutedAction } from "../../../api/keyring/actions.ts";
import { KeyringError, type ProblemCode } from "../../../api/keyring/problems.ts";
import { AllowedMethods } from "./allowed_methods.ts";
import { type ApiAnswer, type IncomingRequest, jsonAnswer } from "./exchange.ts";
import type { AnsweredRequest } from "./pipeline.ts";
import { problemAnswer } from "./problem_answer.ts";
import { requestIdOf, withCommonHeaders } from "./request_id.ts";
import type { RequestTarget } from "./target.ts";

/** A request with its target. */
export interface UnroutedRequest {
  readonly incoming: IncomingRequest;
  readonly target: Pick<RequestTarget, "path">;
}

/** See the module. */
export class UnroutedAnswers {
  /** The methods of all routes. */
  readonly allowed = new AllowedMethods();
  readonly #onAnswered: (answered: AnsweredRequest) => void;

  constructor(onAnswered: (answered: AnsweredRequest) => void) {
    this.#onAnswered = onAnswered;
  }

  /** The answer where no route has the path, or none of them the method. */
  answer(request: UnroutedRequest): ApiAnswer {
    const { incoming, target: { path } } = request;
    if (path.startsWith("/v1/")) return this.vault(request, "this server answers a subset of Vault's API");
    const allow = this.allowed.of(path);
    return this.refuse(incoming, allow.length === 0 ? noRoute() : notAllowed(allow));
  }

  /** The answer to a request that is refused before a route is looked for. */
  refuse(incoming: IncomingRequest, error: KeyringError): ApiAnswer {
    return this.#answered(incoming, error.code, (requestId) => problemAnswer(error, requestId));
  }

  /** The answer to a request of Vault's API. @param why its error. */
  vault({ incoming, target: { path } }: UnroutedRequest, why: string): ApiAnswer {
    const answer = jsonAnswer(405, { errors: [why] }, { allow: this.allowed.of(path).join(", ") });
    return this.#answered(incoming, "method_not_allowed", () => answer);
  }

  #answered(incoming: IncomingRequest, result: ProblemCode, answer: (requestId: string) => ApiAnswer): ApiAnswer {
    const requestId = requestIdOf(incoming);
    const given = answer(requestId);
    this.#onAnswered({ requestId, action: unroutedAction, status: given.status, result, seconds: 0 });
    return withCommonHeaders(given, requestId);
  }
}

function noRoute(): KeyringError {
  return new KeyringError("not_found", "There is no such route; /openapi.json has all of them.");
}

function notAllowed(allow: readonly string[]): KeyringError {
  return new KeyringError("method_not_allowed", `The method is refused: use ${allow.join(", ")}.`, { allow });
}

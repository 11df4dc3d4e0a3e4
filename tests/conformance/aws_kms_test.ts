import { AwsDouble, type AwsFault } from "../support/aws_double.ts";
import { openAws } from "../support/aws_settings.ts";
import type { ConformanceBench, FaultVariant } from "./bench.ts";
import { conformance } from "./conformance.ts";

function fault(what: string, of: AwsFault): FaultVariant<AwsDouble> {
  return {
    what,
    on: (aws) => {
      aws.fault = of;
      return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve(void (aws.fault = undefined)) });
    },
  };
}

const answers = (status: number, code: string, retryAfter?: string) =>
  fault(`${status} ${code}${retryAfter === undefined ? "" : `, Retry-After ${retryAfter}`}`, {
    kind: "status",
    status,
    code,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });

const garbage = (text: string) => fault(text === "" ? "nothing" : text, { kind: "garbage", text });

const bench: ConformanceBench<AwsDouble> = {
  start: () => AwsDouble.start(),
  open: async (aws) => (await openAws(aws)).provider,
  rotate: (aws) => Promise.resolve(aws.keys.rotate(aws.arn)),
  disable: (aws) => Promise.resolve(aws.keys.change(aws.arn, { state: "Disabled" })),
  remove: (aws) => Promise.resolve(aws.keys.delete(aws.arn)),
  recreate: { cannot: "AWS gives no key ID twice, and an alias is resolved once" },
  faults: {
    "refused login": [fault("credentials revoked", { kind: "refused_login" })],
    "withdrawn right": [fault("no actions", { kind: "rights", actions: [] })],
    "throttling": [
      answers(400, "ThrottlingException"),
      answers(400, "LimitExceededException", "1"),
      answers(429, "TooManyRequestsException"),
    ],
    "5xx": [
      answers(500, "KMSInternalException"),
      answers(500, "KeyUnavailableException"),
      answers(502, "BadGateway"),
      answers(503, "ServiceUnavailableException"),
      answers(504, "GatewayTimeout"),
    ],
    "hang": [fault("no answer", { kind: "hang" })],
    "half an answer": [fault("the connection is cut", { kind: "half" })],
    "garbage answer": [
      "",
      "<html>welcome</html>",
      "null",
      "[]",
      "{}",
      "7",
      '{"KeyMetadata":null,"CiphertextBlob":null,"Plaintext":null,"KeyId":null}',
      '{"KeyMetadata":{"Arn":"x"},"CiphertextBlob":"AAAA","Plaintext":"AAAA","KeyId":"x"}',
      '{"CiphertextBlob":"!","Plaintext":"!","KeyId":"arn:aws:kms:eu-central-1:111122223333:key/x"}',
      '{"CiphertextBlob":7,"Plaintext":7,"KeyId":7}',
    ].map(garbage),
  },
};

conformance("aws-kms (double)", bench);

import { join } from "node:path";
import type { AwsAuth } from "../../lib/provider/aws_kms/settings.ts";
import { AwsDouble, type AwsFault } from "../support/aws_double.ts";
import { role } from "../support/aws_logins.ts";
import { keyAuth, openAws } from "../support/aws_settings.ts";
import { fileSecret, MemorySecret } from "../support/vault_settings.ts";
import type { ConformanceBench, FaultVariant } from "./bench.ts";
import { conformance, loginConformance } from "./conformance.ts";

/** An account, and a folder for what a login refers to. */
interface Site extends AsyncDisposable {
  readonly aws: AwsDouble;
  readonly folder: string;
}

type Method = AwsAuth["method"];

/** How an operator would set each method up. */
const logins: { readonly [Name in Method]: (site: Site) => AwsAuth | Promise<AwsAuth> } = {
  "access-key": ({ aws }) => keyAuth(aws),
  "environment": ({ aws }) => keyAuth(aws, { method: "environment" }),
  "profile": async ({ aws: { logins, metadata }, folder }) => {
    const credentialsFile = join(folder, "credentials");
    const configFile = join(folder, "config");
    const key = `aws_access_key_id = ${logins.accessKeyId}\naws_secret_access_key = ${logins.secretAccessKey}\n`;
    await Deno.writeTextFile(credentialsFile, `[base]\n${key}`);
    const assumed = `role_arn = ${role.arn}\nsource_profile = base\nexternal_id = ${role.externalId}\n`;
    await Deno.writeTextFile(configFile, `[profile node]\n${assumed}`);
    return { method: "profile", profile: "node", credentialsFile, configFile, metadata };
  },
  "web-identity": async ({ aws: { logins }, folder }) => {
    await Deno.writeTextFile(join(folder, "token"), logins.webToken);
    return {
      method: "web-identity",
      roleArn: role.arn,
      sessionName: "trousseau",
      token: fileSecret(join(folder, "token")),
    };
  },
  "instance-metadata": ({ aws: { metadata } }) => ({ method: "instance-metadata", metadata }),
  "container": ({ aws: { logins, metadata } }) => ({
    method: "container",
    url: `${metadata}/container`,
    token: new MemorySecret(logins.containerToken),
  }),
};

async function newSite(): Promise<Site> {
  const [aws, folder] = [await AwsDouble.start(), await Deno.makeTempDir()];
  return {
    aws,
    folder,
    async [Symbol.asyncDispose]() {
      await aws[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function fault(what: string, of: AwsFault): FaultVariant<Site> {
  return {
    what,
    on: ({ aws }) => {
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

function bench(method: Method): ConformanceBench<Site> {
  return {
    proves: { kind: "aws-kms", engine: "double", auth: method, key: "SYMMETRIC_DEFAULT" },
    start: newSite,
    open: async (site) => (await openAws(site.aws, { auth: await logins[method](site) })).provider,
    rotate: ({ aws }) => Promise.resolve(aws.keys.rotate(aws.arn)),
    disable: ({ aws }) => Promise.resolve(aws.keys.change(aws.arn, { state: "Disabled" })),
    remove: ({ aws }) => Promise.resolve(aws.keys.delete(aws.arn)),
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
}

conformance("aws-kms (double)", bench("access-key"));
for (const method of Object.keys(logins) as Method[]) {
  if (method !== "access-key") loginConformance(`aws-kms by ${method} (double)`, bench(method));
}

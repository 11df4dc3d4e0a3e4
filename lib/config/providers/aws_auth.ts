/**
 * The source of AWS credentials in the configuration, and its translation to the provider's settings.
 *
 * @module
 */
import * as z from "zod/mini";
import type { AssumedRole, AwsAuth } from "../../provider/aws_kms/settings.ts";
import { flag, openOrSecret, path, secret, section, tag, text, variants } from "../fields.ts";
import { fileSource } from "../secrets.ts";
import type { ConfigValidator } from "./common.ts";

/** The metadata service of every EC2 instance. The address is link-local. */
const metadataService = { ipv4: "http://169.254.169.254", ipv6: "http://[fd00:ec2::254]" } as const;

/**
 * The addresses of the agents of ECS and EKS; credentials are received over plain http only from these and from
 * loopback.
 */
const ecsAgent = "http://169.254.170.2";
const agents: readonly string[] = [ecsAgent, "http://169.254.170.23", "http://[fd00:ec2::23]"];

const roleArn = text(
  "The role's ARN, such as arn:aws:iam::111122223333:role/trousseau.",
  /^arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/,
  "must be a role's ARN such as arn:aws:iam::111122223333:role/trousseau",
);

const sessionNamePattern = /^[\w+=,.@-]{2,64}$/;
const sessionName = text(
  "The name of the session in CloudTrail: 2 to 64 letters, digits and _ + = , . @ -.",
  sessionNamePattern,
  "must be 2 to 64 letters, digits and _ + = , . @ -",
);

const auths = {
  "access-key": section("An access key of a user, or temporary credentials that something else renews.", {
    method: tag("With an access key.", "access-key"),
    accessKeyId: openOrSecret(
      "The access key's ID, such as AKIAIOSFODNN7EXAMPLE; it is no secret and may be written out.",
    ),
    secretAccessKey: secret("The secret access key."),
    sessionToken: z.exactOptional(secret("The session token of temporary credentials.")),
  }),
  "environment": section("The access key in the variables that AWS's tools have in common.", {
    method: tag("With $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and perhaps $AWS_SESSION_TOKEN.", "environment"),
  }),
  "profile": section("A profile in files of the AWS CLI's form. A setting that would start a process is refused.", {
    method: tag("With a profile.", "profile"),
    // The AWS CLI accepts spaces within a name: [profile "team kms"].
    profile: z._default(
      text(
        "The name of the profile, such as kms.",
        /^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$/,
        "must be a profile's name",
      ),
      "default",
    ),
    credentialsFile: z.exactOptional(
      path("The credentials file, such as /etc/trousseau/aws-credentials. Either this or configFile, or both."),
    ),
    configFile: z.exactOptional(path("The config file of the AWS CLI's form.")),
  }),
  "web-identity": section("A token of another issuer, such as a cluster's, that a role trusts (IRSA).", {
    method: tag("With a token of another issuer.", "web-identity"),
    roleArn: z.exactOptional(
      roleArn.check(
        z.describe("The role's ARN, such as arn:aws:iam::111122223333:role/trousseau. Default: $AWS_ROLE_ARN."),
      ),
    ),
    sessionName: z.exactOptional(
      sessionName.check(
        z.describe("The name of the session in CloudTrail. Default: $AWS_ROLE_SESSION_NAME, else trousseau."),
      ),
    ),
    tokenFile: z.exactOptional(path("The file of the token. Default: $AWS_WEB_IDENTITY_TOKEN_FILE.")),
  }),
  "instance-metadata": section(
    "The role of the EC2 instance that this runs on, by version 2 of its metadata service.",
    {
      method: tag("With the role of the machine.", "instance-metadata"),
      ipv6: z._default(flag("Whether the metadata service is asked by its IPv6 address."), false),
    },
  ),
  "container": section("The role of a container: a task of ECS, or a pod of EKS with Pod Identity.", {
    method: tag("With the role of the container.", "container"),
    url: z.exactOptional(
      text(
        "The URL of the agent, such as http://169.254.170.23/v1/credentials. Default: $AWS_CONTAINER_CREDENTIALS_FULL_URI, else $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.",
        /^https?:\/\/[^\s@]{1,1024}$/,
        "must be a URL",
      ),
    ),
    tokenFile: z.exactOptional(
      path("The file of the token for the agent. Default: $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, if it is set."),
    ),
  }),
} as const satisfies { readonly [Method in AwsAuth["method"]]: z.core.$ZodTypeDiscriminable };

/** The schema of `auth`, by method. */
export const awsAuthSchema = variants("method", auths).check(z.describe("How to get credentials."));

/** The schema of a role to assume. */
export const assumedRoleSchema = section(
  "A role that is assumed with those credentials, in another account for instance.",
  {
    roleArn,
    externalId: z.exactOptional(
      text(
        "The external ID that the role's trust policy asks for: 2 to 1,224 characters.",
        /^[\w+=,.@:/-]{2,1224}$/,
        "must be an external ID",
      ),
    ),
    sessionName: z._default(sessionName, "trousseau"),
  },
);

/** The provider's settings for a role to assume. */
export function assumedRole({ roleArn, externalId, sessionName }: z.infer<typeof assumedRoleSchema>): AssumedRole {
  return { roleArn, sessionName, ...(externalId === undefined ? {} : { externalId }) };
}

type Raw = z.infer<typeof awsAuthSchema>;

/** The provider's settings for `auth`. */
export async function awsAuth(raw: Raw, validator: ConfigValidator): Promise<AwsAuth> {
  switch (raw.method) {
    case "access-key":
      return {
        method: raw.method,
        accessKeyId: await validator.openOrSecret(["accessKeyId"], raw.accessKeyId),
        secretAccessKey: await validator.secret(["secretAccessKey"], raw.secretAccessKey),
        ...(raw.sessionToken === undefined
          ? {}
          : { sessionToken: await validator.secret(["sessionToken"], raw.sessionToken) }),
      };
    case "environment":
      return environment(validator);
    case "profile":
      return await profile(raw, validator);
    case "web-identity":
      return await webIdentity(raw, validator);
    case "instance-metadata":
      return { method: raw.method, metadata: raw.ipv6 ? metadataService.ipv6 : metadataService.ipv4 };
    case "container":
      return await container(raw, validator);
  }
}

type Variant<Method extends AwsAuth["method"]> = Extract<Raw, { readonly method: Method }>;

function environment(validator: ConfigValidator): AwsAuth {
  const sessionToken = validator.secretVariable("AWS_SESSION_TOKEN");
  const needed = (name: "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY") => {
    const found = validator.secretVariable(name);
    if (found === undefined) validator.complain(["method"], `${name} is not set`);
    return found ?? fileSource("/dev/null");
  };
  return {
    method: "environment",
    accessKeyId: needed("AWS_ACCESS_KEY_ID"),
    secretAccessKey: needed("AWS_SECRET_ACCESS_KEY"),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}

async function profile(
  { method, profile, credentialsFile, configFile }: Variant<"profile">,
  validator: ConfigValidator,
) {
  if (credentialsFile === undefined && configFile === undefined) {
    validator.complain(["credentialsFile"], "is missing, and so is configFile");
  }
  return {
    method,
    profile,
    ...(credentialsFile === undefined
      ? {}
      : { credentialsFile: await validator.file(["credentialsFile"], credentialsFile) }),
    ...(configFile === undefined ? {} : { configFile: await validator.file(["configFile"], configFile) }),
    metadata: metadataService.ipv4,
  };
}

async function webIdentity(raw: Variant<"web-identity">, validator: ConfigValidator): Promise<AwsAuth> {
  const variables = { role: validator.variable("AWS_ROLE_ARN"), session: validator.variable("AWS_ROLE_SESSION_NAME") };
  const role = raw.roleArn ?? variables.role;
  const session = raw.sessionName ?? variables.session ?? "trousseau";
  const tokenFile = raw.tokenFile ?? validator.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (role === undefined) validator.complain(["roleArn"], "is missing, and AWS_ROLE_ARN is not set");
  else if (!roleArn.safeParse(role).success) validator.complain(["roleArn"], "AWS_ROLE_ARN does not hold one");
  if (!sessionNamePattern.test(session)) validator.complain(["sessionName"], "AWS_ROLE_SESSION_NAME does not hold one");
  if (tokenFile === undefined) {
    validator.complain(["tokenFile"], "is missing, and AWS_WEB_IDENTITY_TOKEN_FILE is not set");
  }
  return {
    method: raw.method,
    roleArn: role ?? "",
    sessionName: session,
    token: fileSource(tokenFile === undefined ? "" : await validator.file(["tokenFile"], tokenFile)),
  };
}

async function container(raw: Variant<"container">, validator: ConfigValidator): Promise<AwsAuth> {
  const relative = validator.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const url = raw.url ?? validator.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") ??
    (relative === undefined ? undefined : ecsAgent + relative);
  const tokenFile = raw.tokenFile ?? validator.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (url === undefined) {
    validator.complain(["url"], "is missing, and AWS_CONTAINER_CREDENTIALS_FULL_URI and …_RELATIVE_URI are not set");
  } else if (!isAgent(url)) {
    validator.complain(
      ["url"],
      "must begin with https://; plain http is taken for loopback and the agents of ECS and EKS",
    );
  }
  return {
    method: raw.method,
    url: url ?? "",
    ...(tokenFile === undefined ? {} : { token: fileSource(await validator.file(["tokenFile"], tokenFile)) }),
  };
}

/** Whether credentials may be received from a URL: plain http is permitted within this machine only. */
function isAgent(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, origin: there, hostname, username } = new URL(url);
  if (username !== "") return false;
  return protocol === "https:" || agents.includes(there) || /^(localhost|\[::1\]|127(\.[0-9]+){3})$/.test(hostname);
}

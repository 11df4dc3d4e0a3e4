/**
 * `kind: aws-kms`: a key in AWS KMS.
 *
 * @module
 */
import * as z from "zod/mini";
import { isKeyName, parseKmsArn } from "../../provider/aws_kms/arn.ts";
import type { AssumedRole, AwsAuth, AwsKmsSettings } from "../../provider/aws_kms/settings.ts";
import { flag, openOrSecret, origin, path, secret, section, tag, text, variants } from "../fields.ts";
import { fileSource } from "../secrets.ts";
import { type Checker, commonFields } from "./arm.ts";

/** Where every EC2 instance finds its metadata service; it answers the machine itself alone. */
const metadataService = { ipv4: "http://169.254.169.254", ipv6: "http://[fd00:ec2::254]" } as const;

/** Where the agents of ECS and EKS are; credentials are sent over plain http to these and to loopback only. */
const ecsAgent = "http://169.254.170.2";
const agents: readonly string[] = [ecsAgent, "http://169.254.170.23", "http://[fd00:ec2::23]"];

/** In characters, of all names and values ("Encryption context", AWS KMS Developer Guide). */
const largestContext = 8192;

const roleArn = text(
  "The role's ARN.",
  /^arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/,
  "must be a role's ARN such as arn:aws:iam::111122223333:role/trousseau",
);

const sessionNamePattern = /^[\w+=,.@-]{2,64}$/;
const sessionName = text(
  "What the session is called in CloudTrail.",
  sessionNamePattern,
  "must be 2 to 64 letters, digits and _ + = , . @ -",
);

const auths = {
  "access-key": section("An access key of a user, or temporary credentials that something else renews.", {
    method: tag("With an access key.", "access-key"),
    accessKeyId: openOrSecret("The access key's ID."),
    secretAccessKey: secret("The secret access key."),
    sessionToken: z.exactOptional(secret("The session token of temporary credentials.")),
  }),
  "environment": section("The access key in the variables that AWS's tools have in common.", {
    method: tag("With $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and perhaps $AWS_SESSION_TOKEN.", "environment"),
  }),
  "profile": section("A profile in files as the AWS CLI has them. What would start a process is refused.", {
    method: tag("With a profile.", "profile"),
    profile: z._default(text("The profile.", /^[\x21-\x7e]{1,128}$/, "must be a profile's name"), "default"),
    credentialsFile: z.exactOptional(path("The credentials file. Either this or configFile, or both.")),
    configFile: z.exactOptional(path("The config file.")),
  }),
  "web-identity": section("A token of another issuer, such as a cluster's, that a role trusts (IRSA).", {
    method: tag("With a token of another issuer.", "web-identity"),
    roleArn: z.exactOptional(roleArn.check(z.describe("The role's ARN. Default: $AWS_ROLE_ARN."))),
    sessionName: z.exactOptional(
      sessionName.check(
        z.describe("What the session is called in CloudTrail. Default: $AWS_ROLE_SESSION_NAME, else trousseau."),
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
        "Where its agent is. Default: $AWS_CONTAINER_CREDENTIALS_FULL_URI, else $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.",
        /^https?:\/\/[^\s@]{1,1024}$/,
        "must be a URL",
      ),
    ),
    tokenFile: z.exactOptional(
      path("The file of what the agent wants to see. Default: $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, if it is set."),
    ),
  }),
} as const satisfies { readonly [Method in AwsAuth["method"]]: z.core.$ZodTypeDiscriminable };

/** What an operator writes. */
export const awsKmsSchema = section("A key in AWS KMS.", {
  kind: tag("AWS KMS.", "aws-kms"),
  ...commonFields,
  key: text(
    "The key: its ARN (recommended), its ID, or an alias such as alias/kubernetes, which must never be moved.",
    /^[\x21-\x7e]{1,512}$/,
    "must be a key's ARN, a key ID, or an alias that begins with alias/",
  ),
  region: z.exactOptional(
    text(
      "The Region, such as eu-central-1. Default: the one in the key's ARN.",
      /^[a-z]{2,8}(-[a-z0-9]{1,16}){1,4}$/,
      "must be a Region such as eu-central-1",
    ),
  ),
  encryptionContext: z._default(
    z.record(
      z.string().check(z.regex(/^(?!__proto__$)[\x20-\x7e]{1,512}$/, "must be a text")),
      z.string("must be a text in quotes").check(z.maxLength(4096, "is too long")),
      "must be a mapping of texts to texts",
    ).check(
      z.describe(
        "What every wrap is bound to; CloudTrail shows it. Never change it: what was wrapped with another one does not open.",
      ),
    ),
    {},
  ),
  endpoint: z.exactOptional(
    origin("Where KMS is, instead of the Region's own endpoint: a VPC endpoint's, for instance."),
  ),
  stsEndpoint: z.exactOptional(origin("Where STS is, likewise, for auth and assumeRole.")),
  fips: z._default(flag("Whether the endpoints with FIPS 140 validated cryptography are used."), false),
  dualStack: z._default(flag("Whether the endpoints with IPv4 and IPv6 are used."), false),
  auth: variants("method", Object.keys(auths), [
    auths["access-key"],
    auths.environment,
    auths.profile,
    auths["web-identity"],
    auths["instance-metadata"],
    auths.container,
  ]).check(z.describe("How to come by credentials.")),
  assumeRole: z.exactOptional(
    section("A role that is taken on with those credentials.", {
      roleArn,
      externalId: z.exactOptional(
        text("The external ID that the role wants.", /^[\w+=,.@:/-]{2,1224}$/, "must be an external ID"),
      ),
      sessionName: z._default(sessionName, "trousseau"),
    }),
  ),
  tls: z.prefault(
    section("How to trust the servers.", {
      caFile: z.exactOptional(path("The certificates (PEM) to trust, instead of the system's.")),
    }),
    {},
  ),
});

type Raw = z.infer<typeof awsKmsSchema>;

/** What the provider gets. */
export async function awsKmsSettings(raw: Raw, checker: Checker): Promise<AwsKmsSettings> {
  checkEndpoints(raw, checker);
  const size = Object.entries(raw.encryptionContext).reduce((sum, pair) => sum + pair.join("").length, 0);
  if (size > largestContext) {
    checker.complain(["encryptionContext"], `is too long; KMS takes ${largestContext} characters`);
  }
  return {
    kind: raw.kind,
    name: raw.name,
    key: raw.key,
    region: regionOf(raw, checker),
    encryptionContext: raw.encryptionContext,
    ...(raw.endpoint === undefined ? {} : { endpoint: raw.endpoint }),
    ...(raw.stsEndpoint === undefined ? {} : { stsEndpoint: raw.stsEndpoint }),
    fips: raw.fips,
    dualStack: raw.dualStack,
    auth: await awsAuth(raw.auth, checker.within("auth")),
    ...(raw.assumeRole === undefined ? {} : { assumeRole: assumedRole(raw.assumeRole) }),
    tls: raw.tls.caFile === undefined ? {} : { caFile: await checker.within("tls").file(["caFile"], raw.tls.caFile) },
  };
}

function regionOf({ key, region }: Raw, checker: Checker): string {
  const arn = parseKmsArn(key);
  if (!isKeyName(key)) checker.complain(["key"], "must be a key's ARN, a key ID, or an alias that begins with alias/");
  else if (arn === undefined && region === undefined) {
    checker.complain(["region"], "is missing, and the key is not an ARN that would name it");
  }
  if (arn !== undefined && region !== undefined && arn.region !== region) {
    checker.complain(["region"], "is not the one in the key's ARN; leave it out");
  }
  return region ?? arn?.region ?? "";
}

/** An endpoint that is written out is what it is. */
function checkEndpoints({ endpoint, stsEndpoint, fips, dualStack }: Raw, checker: Checker): void {
  if (endpoint === undefined && stsEndpoint === undefined) return;
  const why = "goes with AWS's own endpoints; leave it out, or endpoint and stsEndpoint";
  if (fips) checker.complain(["fips"], why);
  if (dualStack) checker.complain(["dualStack"], why);
}

function assumedRole({ roleArn, externalId, sessionName }: NonNullable<Raw["assumeRole"]>): AssumedRole {
  return { roleArn, sessionName, ...(externalId === undefined ? {} : { externalId }) };
}

async function awsAuth(raw: Raw["auth"], checker: Checker): Promise<AwsAuth> {
  switch (raw.method) {
    case "access-key":
      return {
        method: raw.method,
        accessKeyId: await checker.openOrSecret(["accessKeyId"], raw.accessKeyId),
        secretAccessKey: await checker.secret(["secretAccessKey"], raw.secretAccessKey),
        ...(raw.sessionToken === undefined
          ? {}
          : { sessionToken: await checker.secret(["sessionToken"], raw.sessionToken) }),
      };
    case "environment":
      return environment(checker);
    case "profile":
      return await profile(raw, checker);
    case "web-identity":
      return await webIdentity(raw, checker);
    case "instance-metadata":
      return { method: raw.method, metadata: raw.ipv6 ? metadataService.ipv6 : metadataService.ipv4 };
    case "container":
      return await container(raw, checker);
  }
}

type Arm<Method extends AwsAuth["method"]> = Extract<Raw["auth"], { readonly method: Method }>;

function environment(checker: Checker): AwsAuth {
  const sessionToken = checker.secretVariable("AWS_SESSION_TOKEN");
  const needed = (name: "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY") => {
    const found = checker.secretVariable(name);
    if (found === undefined) checker.complain(["method"], `${name} is not set`);
    return found ?? fileSource("/dev/null");
  };
  return {
    method: "environment",
    accessKeyId: needed("AWS_ACCESS_KEY_ID"),
    secretAccessKey: needed("AWS_SECRET_ACCESS_KEY"),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}

async function profile({ method, profile, credentialsFile, configFile }: Arm<"profile">, checker: Checker) {
  if (credentialsFile === undefined && configFile === undefined) {
    checker.complain(["credentialsFile"], "is missing, and so is configFile");
  }
  return {
    method,
    profile,
    ...(credentialsFile === undefined
      ? {}
      : { credentialsFile: await checker.file(["credentialsFile"], credentialsFile) }),
    ...(configFile === undefined ? {} : { configFile: await checker.file(["configFile"], configFile) }),
    metadata: metadataService.ipv4,
  };
}

async function webIdentity(raw: Arm<"web-identity">, checker: Checker): Promise<AwsAuth> {
  const told = { role: checker.variable("AWS_ROLE_ARN"), session: checker.variable("AWS_ROLE_SESSION_NAME") };
  const role = raw.roleArn ?? told.role;
  const session = raw.sessionName ?? told.session ?? "trousseau";
  const tokenFile = raw.tokenFile ?? checker.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (role === undefined) checker.complain(["roleArn"], "is missing, and AWS_ROLE_ARN is not set");
  else if (!roleArn.safeParse(role).success) checker.complain(["roleArn"], "AWS_ROLE_ARN does not hold one");
  if (!sessionNamePattern.test(session)) checker.complain(["sessionName"], "AWS_ROLE_SESSION_NAME does not hold one");
  if (tokenFile === undefined) {
    checker.complain(["tokenFile"], "is missing, and AWS_WEB_IDENTITY_TOKEN_FILE is not set");
  }
  return {
    method: raw.method,
    roleArn: role ?? "",
    sessionName: session,
    token: fileSource(tokenFile === undefined ? "" : await checker.file(["tokenFile"], tokenFile)),
  };
}

async function container(raw: Arm<"container">, checker: Checker): Promise<AwsAuth> {
  const relative = checker.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const url = raw.url ?? checker.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") ??
    (relative === undefined ? undefined : ecsAgent + relative);
  const tokenFile = raw.tokenFile ?? checker.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (url === undefined) {
    checker.complain(["url"], "is missing, and AWS_CONTAINER_CREDENTIALS_FULL_URI and …_RELATIVE_URI are not set");
  } else if (!isAgent(url)) {
    checker.complain(
      ["url"],
      "must begin with https://; plain http is taken for loopback and the agents of ECS and EKS",
    );
  }
  return {
    method: raw.method,
    url: url ?? "",
    ...(tokenFile === undefined ? {} : { token: fileSource(await checker.file(["tokenFile"], tokenFile)) }),
  };
}

/** Where a container's credentials may come from: what goes over plain http must not leave the machine. */
function isAgent(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, origin: there, hostname, username } = new URL(url);
  if (username !== "") return false;
  return protocol === "https:" || agents.includes(there) || /^(localhost|\[::1\]|127(\.[0-9]+){3})$/.test(hostname);
}

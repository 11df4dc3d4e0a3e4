/**
 * `kind: aws-kms`: a key in AWS KMS.
 *
 * @module
 */
import * as z from "zod/mini";
import { isKeyName, parseKmsArn } from "../../provider/aws_kms/arn.ts";
import type { AwsKmsSettings } from "../../provider/aws_kms/settings.ts";
import { flag, origin, path, section, tag, text } from "../fields.ts";
import { commonFields, type ConfigValidator } from "./common.ts";
import { proxySchema, proxySettings } from "./proxy.ts";
import { assumedRole, assumedRoleSchema, awsAuth, awsAuthSchema } from "./aws_auth.ts";

/** Maximum number of characters of all names and values ("Encryption context", AWS KMS Developer Guide). */
const largestContext = 8192;

/** The schema of the entry. */
export const awsKmsSchema = section("A key in AWS KMS.", {
  kind: tag("AWS KMS.", "aws-kms"),
  ...commonFields,
  key: text(
    "The key: its ARN, such as arn:aws:kms:eu-central-1:111122223333:key/KEY-ID, its ID, or an alias such as alias/kubernetes, which must never be moved.",
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
        "Texts by name that every wrap is bound to, such as { cluster: prod }, 8,192 characters in all; CloudTrail shows them. Never change them: a wrap made with others does not open.",
      ),
    ),
    {},
  ),
  endpoint: z.exactOptional(
    origin(
      "Where KMS is, instead of the Region's own endpoint: a VPC endpoint such as https://vpce-0a1b-2c3d.kms.eu-central-1.vpce.amazonaws.com.",
    ),
  ),
  stsEndpoint: z.exactOptional(origin(
    "Where STS is, for auth and assumeRole, such as https://vpce-0e4f-5a6b.sts.eu-central-1.vpce.amazonaws.com.",
  )),
  fips: z._default(flag("Whether AWS's endpoints with FIPS 140 validated cryptography are used."), false),
  dualStack: z._default(flag("Whether AWS's endpoints with IPv4 and IPv6 are used."), false),
  auth: awsAuthSchema,
  assumeRole: z.exactOptional(assumedRoleSchema),
  proxy: z.exactOptional(proxySchema),
  tls: z.prefault(
    section("How to trust the servers.", {
      caFile: z.exactOptional(path("The file of the authorities (PEM) to trust, instead of the system's.")),
    }),
    {},
  ),
});

type Raw = z.infer<typeof awsKmsSchema>;

/** The provider's settings. */
export async function awsKmsSettings(raw: Raw, validator: ConfigValidator): Promise<AwsKmsSettings> {
  checkEndpoints(raw, validator);
  const size = Object.entries(raw.encryptionContext).reduce((sum, pair) => sum + pair.join("").length, 0);
  if (size > largestContext) {
    validator.complain(["encryptionContext"], `is too long; KMS takes ${largestContext} characters`);
  }
  return {
    kind: raw.kind,
    name: raw.name,
    key: raw.key,
    region: regionOf(raw, validator),
    encryptionContext: raw.encryptionContext,
    ...(raw.endpoint === undefined ? {} : { endpoint: raw.endpoint }),
    ...(raw.stsEndpoint === undefined ? {} : { stsEndpoint: raw.stsEndpoint }),
    fips: raw.fips,
    dualStack: raw.dualStack,
    auth: await awsAuth(raw.auth, validator.within("auth")),
    ...(raw.assumeRole === undefined ? {} : { assumeRole: assumedRole(raw.assumeRole) }),
    tls: {
      ...(raw.tls.caFile === undefined
        ? {}
        : { caFile: await validator.within("tls").file(["caFile"], raw.tls.caFile, "public") }),
      ...await proxySettings(raw.proxy, validator.within("proxy")),
    },
  };
}

function regionOf({ key, region }: Raw, validator: ConfigValidator): string {
  const arn = parseKmsArn(key);
  if (!isKeyName(key)) {
    validator.complain(["key"], "must be a key's ARN, a key ID, or an alias that begins with alias/");
  } else if (arn === undefined && region === undefined) {
    validator.complain(["region"], "is missing, and the key is not an ARN that would name it");
  }
  if (arn !== undefined && region !== undefined && arn.region !== region) {
    validator.complain(["region"], "is not the one in the key's ARN; leave it out");
  }
  return region ?? arn?.region ?? "";
}

/** Reports `fips` and `dualStack` beside explicit endpoints: they apply to AWS's own endpoints only. */
function checkEndpoints({ endpoint, stsEndpoint, fips, dualStack }: Raw, validator: ConfigValidator): void {
  if (endpoint === undefined && stsEndpoint === undefined) return;
  const why = "goes with AWS's own endpoints; leave it out, or endpoint and stsEndpoint";
  if (fips) validator.complain(["fips"], why);
  if (dualStack) validator.complain(["dualStack"], why);
}

/**
 * `kind: gcp-kms`: a key in Google Cloud KMS.
 *
 * @module
 */
import * as z from "zod/mini";
import { utf8 } from "../../base/bytes.ts";
import { isKeyName, isNumberedKeyName, versionDigits, versionName } from "../../provider/gcp_kms/names.ts";
import type { GcpAuth, GcpKmsSettings } from "../../provider/gcp_kms/settings.ts";
import { providerLimits } from "../../provider/provider.ts";
import { origin, path, section, tag, text, variants } from "../fields.ts";
import { commonFields, type ConfigValidator } from "./common.ts";
import { proxySchema, proxySettings } from "./proxy.ts";

/** The metadata server of every machine on Google Cloud. The address is link-local. */
const metadataServer = "http://169.254.169.254";

const serviceAccount = /^[0-9A-Za-z._-]{1,128}@[0-9A-Za-z.:-]{1,253}$/;
const serviceAccountComplaint = "must be a service account such as trousseau@my-project.iam.gserviceaccount.com";

function account(description: string) {
  return text(description, serviceAccount, serviceAccountComplaint);
}

const auths = {
  "application-default": section(
    "The credentials that Google's tools would find, as far as they are meant for a machine.",
    {
      method: tag("With the file in $GOOGLE_APPLICATION_CREDENTIALS, else the metadata server.", "application-default"),
    },
  ),
  "service-account-key": section("A service account's key.", {
    method: tag("With a key of a service account.", "service-account-key"),
    keyFile: path("The key, a JSON file of type service_account, such as /etc/trousseau/gcp-key.json."),
  }),
  "workload-identity": section(
    "A token of another issuer, such as a cluster's, that a workload identity pool trusts.",
    {
      method: tag("With workload identity federation.", "workload-identity"),
      credentialsFile: path(
        "The JSON file of type external_account; its token comes from a file or a URL, never from a program.",
      ),
    },
  ),
  "metadata-server": section("The service account of the machine that this runs on.", {
    method: tag("With the machine's metadata server.", "metadata-server"),
    serviceAccount: z._default(
      text(
        "One of the machine's service accounts. Default: its default one.",
        new RegExp(`^default$|${serviceAccount.source}`),
        serviceAccountComplaint,
      ),
      "default",
    ),
  }),
} as const satisfies { readonly [Method in GcpAuth["method"]]: z.core.$ZodTypeDiscriminable };

const keyComplaint = "must be projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, without a version";

/** The schema of the entry. */
export const gcpKmsSchema = section("A key in Google Cloud KMS.", {
  kind: tag("Google Cloud KMS.", "gcp-kms"),
  ...commonFields,
  key: text(
    "The key's resource name, projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, with the project's ID.",
    /^projects\/[^\s]{1,512}$/,
    keyComplaint,
  ),
  universeDomain: z._default(
    text(
      "The domain of Google's APIs; another one in clouds that others run with Google's software.",
      /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}$/,
      "must be a domain such as googleapis.com",
    ),
    "googleapis.com",
  ),
  endpoint: z.exactOptional(
    origin(
      "Where Cloud KMS is, instead of cloudkms.googleapis.com, such as https://cloudkms.europe-west3.rep.googleapis.com.",
    ),
  ),
  oauthEndpoint: z.exactOptional(
    origin("Where the token service of service account keys is, instead of https://oauth2.googleapis.com."),
  ),
  stsEndpoint: z.exactOptional(
    origin("Where workload identity federation gets tokens, instead of https://sts.googleapis.com."),
  ),
  iamEndpoint: z.exactOptional(
    origin("Where a service account is impersonated, instead of https://iamcredentials.googleapis.com."),
  ),
  additionalAuthenticatedData: z._default(
    text(
      'A text that every wrap is bound to beside its version, such as "cluster prod", 4,096 characters. Never change it: a wrap made with another one does not open.',
      /^[\x20-\x7e]{0,4096}$/,
      "must be a text of at most 4096 characters, in quotes",
    ),
    "",
  ),
  quotaProject: z.exactOptional(
    text(
      "The ID of the project whose quota and bill the calls count for, such as my-project. Default: the login's own.",
      /^[a-z0-9][a-z0-9.:-]{4,93}$/,
      "must be a project's ID",
    ),
  ),
  auth: variants("method", auths).check(z.describe("How to log in to Google Cloud.")),
  impersonate: z.exactOptional(
    section("A service account that is impersonated with that login.", {
      serviceAccount: account(
        "The address of the service account, such as trousseau@my-project.iam.gserviceaccount.com.",
      ),
      delegates: z._default(
        z.array(account("A service account in between."), "must be a list of service accounts").check(
          z.maxLength(4, "must be at most 4 service accounts"),
          z.describe("Service accounts in between, at most 4, each of which may impersonate the next one."),
        ),
        [],
      ),
    }),
  ),
  proxy: z.exactOptional(proxySchema),
  tls: z.prefault(
    section("How to trust the servers.", {
      caFile: z.exactOptional(path("The file of the authorities (PEM) to trust, instead of the system's.")),
    }),
    {},
  ),
});

type Raw = z.infer<typeof gcpKmsSchema>;

/** The provider's settings. */
export async function gcpKmsSettings(raw: Raw, validator: ConfigValidator): Promise<GcpKmsSettings> {
  checkKey(raw.key, validator);
  const { universeDomain, endpoint, oauthEndpoint, stsEndpoint, iamEndpoint } = raw;
  return {
    kind: raw.kind,
    name: raw.name,
    key: raw.key,
    universeDomain,
    endpoints: {
      kms: endpoint ?? `https://cloudkms.${universeDomain}`,
      ...(oauthEndpoint === undefined ? {} : { oauth: oauthEndpoint }),
      ...(stsEndpoint === undefined ? {} : { sts: stsEndpoint }),
      ...(iamEndpoint === undefined ? {} : { iam: iamEndpoint }),
    },
    context: raw.additionalAuthenticatedData,
    ...(raw.quotaProject === undefined ? {} : { quotaProject: raw.quotaProject }),
    auth: await gcpAuth(raw.auth, validator.within("auth")),
    ...(raw.impersonate === undefined ? {} : { impersonate: raw.impersonate }),
    tls: {
      ...(raw.tls.caFile === undefined
        ? {}
        : { caFile: await validator.within("tls").file(["caFile"], raw.tls.caFile, "public") }),
      ...await proxySettings(raw.proxy, validator.within("proxy")),
    },
  };
}

function checkKey(key: string, validator: ConfigValidator): void {
  if (isNumberedKeyName(key)) {
    // The names of its versions would differ from those by the project's ID, as if they belonged to another key.
    return validator.complain(["key"], "must name the project by its ID, not by its number");
  }
  if (!isKeyName(key)) return validator.complain(["key"], keyComplaint);
  if (utf8(versionName(key, 10 ** (versionDigits - 1))).length > providerLimits.version) {
    validator.complain(["key"], `is too long: with a version it must have at most ${providerLimits.version} bytes`);
  }
}

async function gcpAuth(raw: Raw["auth"], validator: ConfigValidator): Promise<GcpAuth> {
  switch (raw.method) {
    case "application-default":
      return await applicationDefault(validator);
    case "service-account-key":
      return { method: raw.method, keyFile: await validator.file(["keyFile"], raw.keyFile) };
    case "workload-identity":
      return { method: raw.method, credentialsFile: await validator.file(["credentialsFile"], raw.credentialsFile) };
    case "metadata-server":
      return { ...raw, metadata: metadataServer };
  }
}

/**
 * The login by application default credentials. The home folder is not searched: its credentials belong to a person,
 * and the plugin has no permission to read it.
 */
async function applicationDefault(validator: ConfigValidator): Promise<GcpAuth> {
  const found = validator.variable("GOOGLE_APPLICATION_CREDENTIALS");
  return {
    method: "application-default",
    ...(found === undefined ? {} : { credentialsFile: await validator.file(["method"], found) }),
    metadata: metadataServer,
  };
}

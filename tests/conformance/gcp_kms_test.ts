import { join } from "node:path";
import type { GcpAuth } from "../../lib/provider/gcp_kms/settings.ts";
import { GcpDouble, type GcpFault, gcpKey } from "../support/gcp_double.ts";
import { detail } from "../support/gcp_keys.ts";
import { metadataAuth, openGcp } from "../support/gcp_settings.ts";
import type { ConformanceBench, FaultVariant } from "./bench.ts";
import { conformance, loginConformance } from "./conformance.ts";

/** A project, and a folder for what a login refers to. */
interface Site extends AsyncDisposable {
  readonly gcp: GcpDouble;
  readonly folder: string;
}

type Method = GcpAuth["method"];

/** How an operator would set each method up. */
const logins: { readonly [Name in Method]: (site: Site) => Promise<GcpAuth> } = {
  "application-default": async ({ gcp, folder }) => {
    const credentialsFile = join(folder, "application-default.json");
    await Deno.writeTextFile(join(folder, "token"), gcp.logins.subjectToken);
    await Deno.writeTextFile(credentialsFile, gcp.logins.federationFile({ file: join(folder, "token") }));
    return { method: "application-default", credentialsFile, metadata: gcp.metadata };
  },
  "service-account-key": async ({ gcp, folder }) => {
    const keyFile = join(folder, "key.json");
    await Deno.writeTextFile(keyFile, await gcp.logins.keyFile());
    return { method: "service-account-key", keyFile };
  },
  "workload-identity": async ({ gcp, folder }) => {
    const credentialsFile = join(folder, "federation.json");
    await Deno.writeTextFile(join(folder, "token"), gcp.logins.subjectToken);
    const impersonation = { service_account_impersonation_url: gcp.logins.impersonationUrl() };
    const file = gcp.logins.federationFile({ file: join(folder, "token") }, impersonation);
    await Deno.writeTextFile(credentialsFile, file);
    return { method: "workload-identity", credentialsFile };
  },
  "metadata-server": ({ gcp }) => Promise.resolve(metadataAuth(gcp)),
};

async function newSite(): Promise<Site> {
  const [gcp, folder] = [await GcpDouble.start(), await Deno.makeTempDir()];
  return {
    gcp,
    folder,
    async [Symbol.asyncDispose]() {
      await gcp[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function fault(what: string, of: GcpFault): FaultVariant<Site> {
  return {
    what,
    on: ({ gcp }) => {
      gcp.fault = of;
      return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve(void (gcp.fault = undefined)) });
    },
  };
}

const answers = (status: number, name?: string, more: Partial<Extract<GcpFault, { kind: "status" }>> = {}) =>
  fault(`${status} ${name ?? "of something in between"}`, {
    kind: "status",
    status,
    ...(name === undefined ? {} : { name }),
    ...more,
  });

const garbage = (text: string) => fault(text === "" ? "nothing" : text, { kind: "garbage", text });

const version = `${gcpKey}/cryptoKeyVersions/1`;
const verified = '"verifiedPlaintextCrc32c":true,"verifiedAdditionalAuthenticatedDataCrc32c":true';

function bench(method: Method): ConformanceBench<Site> {
  return {
    proves: { kind: "gcp-kms", engine: "double", auth: method, key: "GOOGLE_SYMMETRIC_ENCRYPTION" },
    start: newSite,
    open: async (site) => (await openGcp(site.gcp, { auth: await logins[method](site) })).provider,
    rotate: ({ gcp }) => Promise.resolve(void gcp.keys.rotate(gcpKey)),
    disable: ({ gcp }) => Promise.resolve(gcp.keys.setState(gcpKey, "DISABLED")),
    remove: ({ gcp }) => Promise.resolve(gcp.keys.delete(gcpKey)),
    recreate: { cannot: "Google keeps the name of a deleted key from being given again" },
    faults: {
      "refused login": [fault("tokens revoked, login refused", { kind: "refused_login" })],
      "withdrawn right": [fault("no role", { kind: "rights", permissions: [] })],
      "throttling": [
        answers(429, "RESOURCE_EXHAUSTED"),
        answers(429, "RESOURCE_EXHAUSTED", { retryAfter: "1" }),
        answers(429, "RESOURCE_EXHAUSTED", { details: [detail("ErrorInfo", { reason: "RATE_LIMIT_EXCEEDED" })] }),
        answers(429),
      ],
      "5xx": [
        answers(500, "INTERNAL"),
        answers(502),
        answers(503, "UNAVAILABLE"),
        answers(504, "DEADLINE_EXCEEDED"),
      ],
      "hang": [fault("no answer", { kind: "hang" })],
      "half an answer": [fault("the connection is cut", { kind: "half" })],
      "garbage answer": [
        "",
        "<html>welcome</html>",
        "null",
        "[]",
        "{}",
        '{"name":null,"ciphertext":null,"plaintext":null}',
        `{"name":"${version}","ciphertext":"AAAA","ciphertextCrc32c":"1","plaintext":"AAAA","plaintextCrc32c":"1",${verified}}`,
        `{"name":"${version}","ciphertext":"!","ciphertextCrc32c":"0","plaintext":7,"plaintextCrc32c":"0",${verified}}`,
        `{"name":"${version}","ciphertext":"","ciphertextCrc32c":"0","plaintext":"","plaintextCrc32c":"0",${verified}}`,
      ].map(garbage),
    },
  };
}

conformance("gcp-kms (double)", bench("service-account-key"));
for (const method of Object.keys(logins) as Method[]) {
  if (method !== "service-account-key") loginConformance(`gcp-kms by ${method} (double)`, bench(method));
}

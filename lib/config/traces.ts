/**
 * `telemetry.traces`: the collector to which the plugin exports its spans.
 *
 * @module
 */
import * as z from "zod/mini";
import type { SecretSource } from "../base/secret.ts";
import type { TlsFiles } from "../net/https/tls_files.ts";
import { parseOrigin } from "./addresses.ts";
import { path, secret, section, text } from "./fields.ts";
import type { ConfigValidator } from "./providers/common.ts";

/** The settings of the export. */
export interface TracesConfig {
  /** Origin, and a path if the collector's API is below one; without a slash at its end. */
  readonly endpoint: string;
  /** Lowercase names. */
  readonly headers: readonly { readonly name: string; readonly value: SecretSource }[];
  /** From 0 to 1. */
  readonly sampleRatio: number;
  readonly tls: Pick<TlsFiles, "caFile">;
}

/** A path segment that no server or proxy interprets. */
const segment = "[A-Za-z0-9_~-][A-Za-z0-9_.~-]*";

const endpointPattern = new RegExp(`^(https?://[^/?#@\\\\\\s]+)((?:/${segment})*)/?$`);

/** Headers that the program writes itself, and those of a connection. */
const ownHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const header = section("A header of each request to the collector.", {
  name: text(
    "Its name in lowercase letters, such as authorization.",
    /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/,
    "must be the name of a header in lowercase letters",
  ),
  value: secret("Its value, such as a file that holds Bearer and a token."),
});

const ratioComplaint = "must be a number from 0 to 1";

/** The schema of the section. */
export const tracesSchema = section(
  "Traces of trousseau serve, over HTTP in the OpenTelemetry protocol (JSON). Without this section there are none.",
  {
    endpoint: text(
      "The collector, such as https://collector.example:4318; /v1/traces is added. Plain http for loopback addresses only.",
      endpointPattern,
      "must be an address such as https://collector.example:4318, without a query",
    ),
    headers: z._default(
      z.array(header, "must be a list of headers").check(
        z.maxLength(16, "must be at most 16 headers"),
        z.describe("Headers of each request, at most 16, for instance with a token."),
      ),
      [],
    ),
    sampleRatio: z._default(
      z.number(ratioComplaint).check(
        z.gte(0, ratioComplaint),
        z.lte(1, ratioComplaint),
        z.describe("The share of calls that are recorded, from 0 to 1, where the API server does not decide it."),
      ),
      1,
    ),
    tls: z.prefault(
      section("How to trust the collector.", {
        caFile: z.exactOptional(path("The file of the authorities (PEM) to trust, instead of the system's.")),
      }),
      {},
    ),
  },
);

/** The settings of a section. Reports missing files and variables. */
export async function tracesConfig(
  raw: z.infer<typeof tracesSchema>,
  validator: ConfigValidator,
): Promise<TracesConfig> {
  const names = raw.headers.map(({ name }) => name);
  const headers: { name: string; value: SecretSource }[] = [];
  for (const [index, { name, value }] of raw.headers.entries()) {
    if (ownHeaders.has(name)) {
      validator.complain(["headers", index, "name"], "is a header that Trousseau writes itself");
    }
    if (names.indexOf(name) < index) validator.complain(["headers", index, "name"], "stands in the list twice");
    headers.push({ name, value: await validator.within("headers", index).secret(["value"], value) });
  }
  const { caFile } = raw.tls;
  return {
    endpoint: endpointIn(raw.endpoint, validator),
    headers,
    sampleRatio: raw.sampleRatio,
    tls: caFile === undefined ? {} : { caFile: await validator.within("tls").file(["caFile"], caFile, "public") },
  };
}

function endpointIn(written: string, validator: ConfigValidator): string {
  const [, host = "", prefix = ""] = endpointPattern.exec(written) ?? [];
  const parsed = parseOrigin(host);
  if ("complaint" in parsed) {
    validator.complain(["endpoint"], parsed.complaint);
    return written;
  }
  if (prefix.endsWith("/v1/traces")) {
    validator.complain(["endpoint"], "must not end in /v1/traces, which is added to it");
  }
  return `${parsed.origin}${prefix}`;
}

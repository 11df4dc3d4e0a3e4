/**
 * The status of the running plugin over HTTP. It is validated, because another program may use the port.
 *
 * @module
 */
import * as z from "zod/mini";
import { rfc3339 } from "../../base/clock.ts";
import { deadline } from "../../base/deadline.ts";
import { errorCodes, KmsError } from "../../base/errors.ts";
import { HttpsEndpoint, type TlsMaterial } from "../../net/https/endpoint.ts";

/** Deadline in milliseconds; the plugin responds from memory. */
const patience = 3000;

/** Maximum size in bytes. The document of eight providers has about 4 KiB; with 256 refused versions about 250 KiB. */
const largest = 512 * 1024;

const noTls: TlsMaterial = { ca: undefined, certificate: undefined, key: undefined, serverName: undefined };

const text = z.string();
/** RFC 3339; versions up to 0.1.0 use milliseconds since the epoch. */
const time = z.pipe(
  z.union([z.number(), z.string()]),
  z.transform((time: number | string) => typeof time === "number" ? rfc3339(time) ?? "?" : time),
);

const retired = {
  name: text,
  kind: text,
  health: z.enum(["unknown", "well", "sick", "refusing"]),
  message: text,
  code: z.enum(["ok", ...Object.keys(errorCodes)]),
  since: time,
  lastGoodAt: z.optional(z.nullable(time)),
};

const refused = z.looseObject({
  code: text,
  message: text,
  envelopes: z.number(),
  since: time,
});

const sealedVersion = z.looseObject({
  provider: text,
  kind: text,
  version: text,
  announced: z.boolean(),
  state: z.enum(["not_tested", "opens", "refused", "unknown"]),
  code: z.enum(["ok", ...Object.keys(errorCodes)]),
  message: text,
  testedAt: z.optional(z.nullable(time)),
});

const document = z.looseObject({
  version: z.optional(text),
  configuration: z.optional(z.nullable(text)),
  time: z.optional(z.nullable(text)),
  ready: z.optional(z.boolean()),
  reason: z.optional(text),
  socket: z.optional(text),
  keyId: z.optional(z.nullable(text)),
  provisional: z.boolean(),
  message: text,
  needed: z.number(),
  canEncrypt: z.boolean(),
  dataKeyMadeAt: z.optional(z.nullable(time)),
  telemetry: z.optional(text),
  stateFolder: z.optional(z.nullable(z.looseObject({ writable: z.boolean(), since: time, message: text }))),
  quorum: z.discriminatedUnion("state", [
    z.looseObject({ state: z.literal("held") }),
    z.looseObject({ state: z.literal("lost"), since: time, refused: z.boolean(), message: text }),
  ]),
  providers: z.array(z.looseObject({
    ...retired,
    version: text,
    lacksWrapSince: z.optional(z.nullable(time)),
  })),
  retired: z.optional(z.array(z.looseObject(retired))),
  wrapOnly: z.optional(z.array(z.looseObject(retired))),
  announcedAt: z.optional(z.nullable(time)),
  firstEncryptAt: z.optional(z.nullable(time)),
  unreadable: z.optional(text),
  recoveryKey: z.optional(text),
  decrypts: z.optional(z.looseObject({ windowMs: z.number(), refused: z.array(refused) })),
  sealedVersions: z.optional(z.array(sealedVersion)),
});

/** `ServiceStatus` in its JSON form: absent values can be `null` or omitted, and unknown fields are kept. */
export type StatusDocument = z.infer<typeof document>;

/**
 * Requests the status; `undefined` if there is no response, or if another program responds.
 *
 * It uses the HTTP client of the providers: `fetch` would use a proxy from the environment.
 *
 * @param tls required for an address that begins with `https:`.
 */
export async function fetchStatus(
  origin: string,
  signal: AbortSignal,
  tls: TlsMaterial = noTls,
): Promise<StatusDocument | undefined> {
  using limit = deadline(patience, signal);
  using endpoint = new HttpsEndpoint("Trousseau", origin, tls);
  try {
    const request = { method: "GET", path: "/status", headers: { accept: "application/json" }, once: true } as const;
    const { status, bytes } = await endpoint.ask(request, { signal: limit.signal, action: "ask for the status" });
    if (status !== 200 || bytes.length > largest) return undefined;
    return parseStatus(new TextDecoder().decode(bytes));
  } catch (thrown) {
    // A refused connection, a deadline and a truncated body are equivalent for the caller.
    if (thrown instanceof KmsError) return undefined;
    throw thrown;
  }
}

/** The document in a JSON text; `undefined` for any other text. */
export function parseStatus(body: string): StatusDocument | undefined {
  try {
    const parsed = z.safeParse(document, JSON.parse(body));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

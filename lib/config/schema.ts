/**
 * The strict schema of the config file, from which the JSON Schema for editors is generated.
 *
 * @module
 */
import * as z from "zod/mini";
import type { ProviderKind, ProviderSettings, SettingsOf } from "../provider/registry.ts";
import { defaults } from "./defaults.ts";
import { keyringSchema } from "./keyring.ts";
import { duration, flag, integer, listen, oneOf, path, section, text, variants } from "./fields.ts";
import type { ConfigValidator, PlacedSettings, Surroundings } from "./providers/common.ts";
import { awsKmsSchema, awsKmsSettings } from "./providers/aws_kms.ts";
import { azureKeyVaultSchema, azureKeyVaultSettings } from "./providers/azure_key_vault.ts";
import { gcpKmsSchema, gcpKmsSettings } from "./providers/gcp_kms.ts";
import { kmsPluginSchema, kmsPluginSettings } from "./providers/kms_plugin.ts";
import { checkKeyFiles, checkRetired, localSchema, localSettings } from "./providers/local.ts";
import { checkPluginSockets } from "./providers/plugin_sockets.ts";
import { recoverySchema, recoverySettings } from "./providers/recovery.ts";
import { type ForeignSupport, readForeignSchema } from "./read_foreign.ts";
import { maxProviders, socketFields, wrapField } from "./socket_fields.ts";
import { sopsSchema } from "./sops.ts";
import { tracesSchema } from "./traces.ts";
import { vaultTransitSchema, vaultTransitSettings } from "./providers/vault_transit.ts";

/** Maximum delay of a timer, 2^31 - 1 ms, rounded down to days. */
const maxTimer = "24d";

/** The configuration of one kind of provider. */
interface Row<Raw, Settings> {
  readonly schema: z.core.$ZodTypeDiscriminable;
  /**
   * Checks the files, variables and paths that the entry names, and returns the settings for `open` of the registry.
   */
  readonly settings: (raw: Raw, validator: ConfigValidator) => Promise<Settings>;
  /** Further checks of an entry of `retired`, for fields that such an entry must not have. */
  readonly checkRetired?: (raw: Raw, validator: ConfigValidator) => void;
  /** Compares all providers of this kind with each other and with the plugin's own socket. */
  readonly checkTogether?: (
    placed: readonly PlacedSettings<Settings>[],
    surroundings: Surroundings,
  ) => void | Promise<void>;
  /** Support of `readForeign`; absent if these keys cannot decrypt any other plugin's data. */
  readonly foreign?: ForeignSupport;
}

/** All kinds of provider, with a row for each row of `lib/provider/registry.ts`. */
const providerTable = {
  "aws-kms": {
    schema: awsKmsSchema,
    settings: awsKmsSettings,
    foreign: { formats: ["trousseau-v2", "aws-encryption-provider"], takes: "context" },
  },
  "azure-key-vault": {
    schema: azureKeyVaultSchema,
    settings: azureKeyVaultSettings,
    foreign: { formats: ["trousseau-v2"], takes: "keyVersion" },
  },
  "gcp-kms": { schema: gcpKmsSchema, settings: gcpKmsSettings },
  "kms-plugin": { schema: kmsPluginSchema, settings: kmsPluginSettings, checkTogether: checkPluginSockets },
  "local": { schema: localSchema, settings: localSettings, checkRetired, checkTogether: checkKeyFiles },
  "recovery": { schema: recoverySchema, settings: recoverySettings },
  "vault-transit": {
    schema: vaultTransitSchema,
    settings: vaultTransitSettings,
    foreign: { formats: ["trousseau-v1", "trousseau-v2", "vault-kubernetes-kms"] },
  },
} as const satisfies { readonly [Kind in ProviderKind]: Row<never, SettingsOf<Kind>> };

type Schemas = { readonly [Kind in ProviderKind]: (typeof providerTable)[Kind]["schema"] };

type RawOf<Kind extends ProviderKind> = z.infer<Schemas[Kind]>;

/** One provider as the schema outputs it. */
export type RawProvider = RawOf<ProviderKind>;

/** The same table with a type that proves that the functions of each row accept the output of its schema. */
const rows: { readonly [Kind in ProviderKind]: Row<RawOf<Kind>, SettingsOf<Kind>> } = providerTable;

/**
 * The row for a kind. TypeScript cannot see that a row and a value have the same kind; this is the only cast for it.
 */
function rowOf(kind: ProviderKind): Row<RawProvider, ProviderSettings> {
  return rows[kind] as Row<never, ProviderSettings> as Row<RawProvider, ProviderSettings>;
}

/** The kinds of provider whose keys can decrypt data of other plugins. */
export const foreignSupport: ReadonlyMap<string, ForeignSupport> = new Map(
  Object.entries(rows).flatMap(([kind, { foreign }]) => foreign === undefined ? [] : [[kind, foreign]]),
);

const schemas = Object.fromEntries(
  Object.entries(providerTable).map(([kind, { schema }]) => [kind, schema]),
) as Schemas;

const provider = variants("kind", schemas);

const telemetry = section("HTTP pages, log and audit stream.", {
  listen: z.prefault(
    listen(
      "Address and port of /livez, /readyz and /metrics over HTTP, or off. Nothing secret is served, but keep it local.",
    ),
    defaults.telemetry.listen,
  ),
  log: z.prefault(
    section("The log.", {
      level: z._default(
        oneOf("The lowest level that is logged.", ["debug", "info", "warn", "error"]),
        defaults.telemetry.log.level,
      ),
      format: z._default(
        oneOf("The form of a line: json for machines, text for people.", ["json", "text"]),
        defaults.telemetry.log.format,
      ),
    }),
    {},
  ),
  audit: z._default(
    path(
      "Where each Encrypt and Decrypt is noted: stdout, off, or a file such as /var/lib/trousseau/audit.log.",
      "stdout, off, or a path",
    ),
    defaults.telemetry.audit,
  ),
  traces: z.exactOptional(tracesSchema),
});

/** `providerName`, followed by a version of at most 256 visible characters. */
const forgottenEntry = text(
  "The name of a provider that was taken out, or NAME@VERSION: a version as keys shows it, or its number alone.",
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(@[\x21-\x7e]{1,256})?$/,
  "must be the name of a provider, or NAME@VERSION with a version as keys shows it",
);

/** The whole config file. */
export const configSchema = section("Configuration of the Trousseau KMS plugin.", {
  socket: z.prefault(
    section("The Unix socket that kube-apiserver connects to. A process that may connect to it may decrypt.", {
      path: z._default(
        path(
          "The path of the socket, or unix:// and the path: at most 107 bytes. A folder that is absent is made.",
          "path, or unix:// and a path",
        ),
        defaults.socket.path,
      ),
      ...socketFields("plugin"),
    }),
    {},
  ),
  state: z.exactOptional(
    path(`The state folder: key IDs and versions, nothing secret. Default: $STATE_DIRECTORY, else ${defaults.state}.`),
  ),
  kms: z.prefault(
    section("The API that kube-apiserver sees.", {
      v1beta1: z._default(flag("Whether KMS v1beta1 is served beside v2, on the same socket."), defaults.kms.v1beta1),
      reportVersion: z._default(
        oneOf("The version in Status: v2beta1 only when replacing a plugin that said so.", ["v2", "v2beta1"]),
        defaults.kms.reportVersion,
      ),
    }),
    {},
  ),
  keyEpoch: z._default(
    integer("Part of the key ID: raise it by 1, on all nodes alike, when check says so.", 0, 4_294_967_295),
    defaults.keyEpoch,
  ),
  wrap: z.exactOptional(
    wrapField("How many providers must wrap a data key: all, any (one), or a number. Default: 2, or 1 if alone."),
  ),
  unwrap: z._default(
    oneOf("Which provider is asked first: the quickest, each in turn, or in the order of this file.", [
      "fastest",
      "roundrobin",
      "ordered",
    ]),
    defaults.unwrap,
  ),
  cache: z.prefault(
    section("Data keys that were unwrapped and are kept in memory.", {
      entries: z._default(
        integer("How many data keys are kept at most; the one used longest ago is dropped first.", 1, 1_048_576),
        defaults.cache.entries,
      ),
      maxAge: z.prefault(
        duration("The age at which the KMS is asked again at the next use of a data key.", "0s", "365d"),
        defaults.cache.maxAge,
      ),
      graceOnOutage: z.prefault(
        duration("How long a data key serves on while its KMS cannot be reached; 0s is strict.", "0s", "365d"),
        defaults.cache.graceOnOutage,
      ),
      lifetime: z.prefault(
        duration("The age since the last confirmation by a KMS at which a data key is dropped.", "1s", "365d"),
        defaults.cache.lifetime,
      ),
    }),
    {},
  ),
  readyDek: z.prefault(
    section("The data key that is held ready for the next encrypt.", {
      maxAge: z.prefault(
        duration("The age at which KMS v1beta1 gets a new one.", "1s", maxTimer),
        defaults.readyDek.maxAge,
      ),
    }),
    {},
  ),
  outage: z.prefault(
    section("The effect on kube-apiserver when too few providers can be reached.", {
      policy: z._default(
        oneOf(
          "With keepWriting writes go on; with failReady they go on, and the API server is not ready; with failClosed they stop.",
          [
            "keepWriting",
            "failReady",
            "failClosed",
          ],
        ),
        defaults.outage.policy,
      ),
      after: z.prefault(
        duration("How long an outage lasts before the policy is applied.", "0s", maxTimer),
        defaults.outage.after,
      ),
    }),
    {},
  ),
  probe: z.prefault(
    section("How each provider is watched.", {
      interval: z.prefault(
        duration(
          "The time between two probes of a provider, 10 % more or less; 75s are 1,152 calls a day.",
          "1s",
          "1h",
        ),
        defaults.probe.interval,
      ),
    }),
    {},
  ),
  drain: z.prefault(duration("How long calls in flight may take after SIGTERM.", "0s", "10m"), defaults.drain),
  telemetry: z.prefault(telemetry, {}),
  providers: z.array(provider, {
    error: ({ input }) =>
      input === undefined || input === null
        ? `is missing; a config has 1 to ${maxProviders} providers`
        : "must be a list of providers",
  }).check(
    z.minLength(1, `is empty; a config has 1 to ${maxProviders} providers`),
    z.maxLength(maxProviders, `has too many; a config has 1 to ${maxProviders} providers`),
    z.describe(`The keys that wrap each data key, 1 to ${maxProviders} of them.`),
  ),
  retired: z._default(
    z.array(provider, "must be a list of providers").check(
      z.maxLength(maxProviders, `must be at most ${maxProviders} providers`),
      z.describe("Providers that only unwrap: they count in no quorum and in no key ID."),
    ),
    [],
  ),
  forgotten: z._default(
    z.array(forgottenEntry, "must be a list of names").check(
      z.maxLength(64, "must be at most 64 names"),
      z.describe(
        "Providers that were taken out, and versions of any provider's key as NAME@VERSION, of which nothing is left in " +
          "etcd, such as vault-old and vault@1.",
      ),
    ),
    [],
  ),
  readForeign: z._default(readForeignSchema, []),
  sops: z.prefault(sopsSchema, {}),
  keyring: z.prefault(keyringSchema, {}),
});

/** The config as the schema outputs it: of the right form, with durations in milliseconds. */
export type RawConfig = z.infer<typeof configSchema>;

/** The settings of one provider. Reports missing files and variables that its entry refers to. */
export async function providerSettings(raw: RawProvider, validator: ConfigValidator): Promise<ProviderSettings> {
  return await rowOf(raw.kind).settings(raw, validator);
}

/** The settings of one provider of `retired`, with the additional checks of such an entry. */
export async function retiredSettings(raw: RawProvider, validator: ConfigValidator): Promise<ProviderSettings> {
  rowOf(raw.kind).checkRetired?.(raw, validator);
  return await providerSettings(raw, validator);
}

/** Compares the providers of each kind with each other. */
export async function checkTogether(
  placed: readonly PlacedSettings<ProviderSettings>[],
  surroundings: Surroundings,
): Promise<void> {
  for (const [kind, alike] of Map.groupBy(placed, ({ settings }) => settings.kind)) {
    await rowOf(kind).checkTogether?.(alike, surroundings);
  }
}

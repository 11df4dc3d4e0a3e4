/**
 * `readForeign`: the formats of other plugins whose data can be read, and the keys for them.
 *
 * @module
 */
import * as z from "zod/mini";
import type { ForeignKey, ForeignSource } from "../envelope/foreign.ts";
import type { ForeignFormat } from "../envelope/foreign_formats.ts";
import { flag, section, tag, text, variants } from "./fields.ts";
import type { FieldPath } from "../base/yaml_positions.ts";
import type { ConfigValidator } from "./providers/common.ts";
import { type ProviderLists, providerLists } from "./provider_lists.ts";

/** The support of `readForeign` for the keys of one kind of provider. */
export interface ForeignSupport {
  /** The formats that can contain ciphertexts of the KMS. */
  readonly formats: readonly ForeignFormat[];
  /**
   * `context`: the encryption context of the entry is used with the key. `keyVersion`: the entry must contain the
   * version.
   */
  readonly takes?: "context" | "keyVersion";
}

/** Support by kind of provider. */
type Kinds = ReadonlyMap<string, ForeignSupport>;

/** The kinds for which `holds` is true, as part of a sentence. */
function kindsWith(kinds: Kinds, holds: (support: ForeignSupport) => boolean): string {
  return [...kinds].filter(([, support]) => holds(support)).map(([kind]) => kind).join(" or ");
}

const providerName = text(
  "The name of one of the providers, such as vault-eu.",
  /^[a-z0-9][a-z0-9-]{0,62}$/,
  "must be a provider's name",
);

const names = z.array(providerName, "must be a list of providers' names").check(
  z.minLength(1, "must name a provider"),
  z.maxLength(8, "must be at most 8 names"),
  z.describe("The providers that may open it, by name: no other key is ever tried, whatever the data says."),
);

const encryptionContext = z.exactOptional(
  z.record(
    z.string().check(z.regex(/^(?!__proto__$)[\x20-\x7e]{1,512}$/, "must be a text")),
    z.string().check(z.maxLength(4096, "is too long")),
    "must be a mapping of texts to texts",
  ).check(z.describe("The encryption context of the other plugin for AWS KMS.")),
);

const entries = {
  "trousseau-v1": section("It is opened with the same mount and key of Vault.", {
    format: tag("Data of the original Trousseau, version 1.", "trousseau-v1"),
    providers: names,
  }),
  "trousseau-v2": section("It was an alpha, with Vault, AWS KMS or Azure Key Vault.", {
    format: tag("Data of the original Trousseau, version 2.", "trousseau-v2"),
    providers: z.array(
      section("A provider, and its name in the original.", {
        name: providerName,
        as: text(
          "The name in the data: the original's --enabled-providers, such as vault or awskms.",
          /^[\w.-]{1,63}$/,
          "must be a name of the original's, such as vault or awskms",
        ),
        keyVersion: z.exactOptional(
          text(
            "For Azure Key Vault: the version of the key in the configuration of the original, keyVersion in its azurekms.yaml.",
            /^[0-9a-f]{32}$/,
            "must be a version of 32 lowercase hexadecimal digits",
          ),
        ),
      }),
      "must be a list such as [{ name: vault-eu, as: vault }]",
    ).check(
      z.minLength(1, "must name a provider"),
      z.maxLength(8, "must be at most 8 names"),
      z.describe("The providers that may open it, each with its name in the original."),
    ),
    encryptionContext,
  }),
  "vault-kubernetes-kms": section(
    "It is opened with the same mount and key of Vault; trousseau-v1 has the same form.",
    {
      format: tag("Data of vault-kubernetes-kms.", "vault-kubernetes-kms"),
      providers: names,
    },
  ),
  "aws-encryption-provider": section("It is opened with the same key of AWS KMS.", {
    format: tag("Data of aws-encryption-provider.", "aws-encryption-provider"),
    providers: names,
    encryptionContext,
    unprefixed: z._default(
      flag("Whether v1beta1 data of its first releases, which lack the leading byte, is read too."),
      false,
    ),
  }),
} as const satisfies { readonly [Format in ForeignFormat]: z.core.$ZodTypeDiscriminable };

/** The schema of the field. */
export const readForeignSchema = z.array(
  variants("format", entries),
  "must be a list of formats",
).check(
  z.describe("Other plugins' data that is read and never written, while a cluster moves over. Nothing by default."),
);

type Written = z.infer<typeof readForeignSchema>[number];

/** Validates the entries. Reports duplicate formats, and providers that do not exist or do not support the format. */
export function foreignSources(
  written: readonly Written[],
  lists: ProviderLists,
  kinds: Kinds,
  validator: ConfigValidator,
): ForeignSource[] {
  const formats = written.map(({ format }) => format);
  formats.forEach((format, index) => {
    if (formats.indexOf(format) < index) validator.complain([index, "format"], "stands in the list twice");
    if (format === "trousseau-v1" && formats.includes("vault-kubernetes-kms")) {
      validator.complain(
        [index, "format"],
        "vault-kubernetes-kms, which has the same form, reads this too; leave it out",
      );
    }
  });
  return written.map((one, index) => source(one, lists, kinds, validator.within(index)));
}

function source(written: Written, lists: ProviderLists, kinds: Kinds, validator: ConfigValidator): ForeignSource {
  const { format } = written;
  const context = "encryptionContext" in written ? written.encryptionContext : undefined;
  const providers = pairs(written).map(({ at, ...pair }): ForeignKey => {
    const kind = kindOf(pair.name, lists);
    if (kind === undefined) validator.complain(at, "no provider has this name");
    // A provider with a problem has its own complaint.
    if (kind === undefined || kind === "") return pair;
    const support = kinds.get(kind);
    if (support?.formats.includes(format) !== true) {
      validator.complain(at, `must be of kind ${kindsWith(kinds, ({ formats }) => formats.includes(format))}`);
    }
    const takesVersion = support?.takes === "keyVersion";
    if (takesVersion && pair.keyVersion === undefined) {
      validator.complain(at, "needs keyVersion beside it: the version that the original was told to use");
    }
    if (!takesVersion && pair.keyVersion !== undefined) {
      const able = kindsWith(kinds, ({ takes }) => takes === "keyVersion");
      validator.complain([...at.slice(0, -1), "keyVersion"], `is for providers of kind ${able}`);
    }
    return context !== undefined && support?.takes === "context" ? { ...pair, context } : pair;
  });
  if (context !== undefined && providers.every((key) => key.context === undefined)) {
    const able = kindsWith(kinds, ({ takes }) => takes === "context");
    validator.complain(["encryptionContext"], `is for providers of kind ${able}, and none is named here`);
  }
  return { format, providers, ...("unprefixed" in written ? { unprefixed: written.unprefixed } : {}) };
}

interface Pair extends Pick<ForeignKey, "written" | "name" | "keyVersion"> {
  /** Position of the provider's name, relative to the entry. */
  readonly at: FieldPath;
}

function pairs(entry: Written): Pair[] {
  if (entry.format !== "trousseau-v2") {
    return entry.providers.map((name, index) => ({ written: "", name, at: ["providers", index] }));
  }
  return entry.providers.map(({ as, ...rest }, index) => ({
    written: as,
    ...rest,
    at: ["providers", index, "name"],
  }));
}

/**
 * The kind of a provider; `undefined` if it does not exist, `""` if it does not match the schema and has its own
 * complaints.
 */
function kindOf(name: string, lists: ProviderLists): string | undefined {
  for (const { names, sound } of providerLists.map((list) => lists[list])) {
    const index = names.findIndex((one) => one.name === name);
    if (index >= 0) return sound.find((one) => one.index === index)?.raw.kind ?? "";
  }
  return undefined;
}

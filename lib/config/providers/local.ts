/**
 * `kind: local`: a key file on this machine.
 *
 * @module
 */
import * as z from "zod/mini";
import type { LocalSettings } from "../../provider/local/settings.ts";
import { flag, path, section, tag } from "../fields.ts";
import { commonFields, type ConfigValidator, type PlacedSettings, type Surroundings } from "./common.ts";

/** The schema of the entry. */
export const localSchema = section(
  "A key in a file on this machine. It protects a copy of etcd without this machine's disk, and nothing else.",
  {
    kind: tag("A key file on this machine.", "local"),
    ...commonFields,
    keyFile: path(
      "The file that holds all versions of the key, such as /var/lib/trousseau/local.keys, with mode 0600.",
    ),
    create: z._default(
      flag("Whether a missing key file is made at the start, with mode 0600. With false a lost disk stays noticed."),
      false,
    ),
  },
);

/** The provider's settings. */
export async function localSettings(
  raw: z.infer<typeof localSchema>,
  validator: ConfigValidator,
): Promise<LocalSettings> {
  const keyFile = raw.create
    ? await validator.writable(["keyFile"], raw.keyFile)
    : await validator.file(["keyFile"], raw.keyFile, "key");
  return { kind: raw.kind, name: raw.name, keyFile, create: raw.create };
}

/** Reports `create` in a retired entry: a new key cannot unwrap the data keys of the old one. */
export function checkRetired(raw: z.infer<typeof localSchema>, validator: ConfigValidator): void {
  if (raw.create) validator.complain(["create"], "must be false here: a retired key is never made");
}

/** Reports a key file that two entries of `providers` name. */
export function checkKeyFiles(
  placed: readonly PlacedSettings<LocalSettings>[],
  { validator }: Surroundings,
): void {
  const seen = new Map<string, number>();
  for (const { list, index, settings: { keyFile } } of placed) {
    if (list !== "providers") continue;
    const first = seen.get(keyFile);
    if (first === undefined) {
      seen.set(keyFile, index);
      continue;
    }
    validator.complain(
      [list, index, "keyFile"],
      `is the key file of providers[${first}] too; two copies of one key are no quorum`,
    );
  }
}

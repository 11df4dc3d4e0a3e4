/**
 * The file of a server's authority.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { visible } from "../output/visible.ts";
import { fileBytes } from "../values/value_bytes.ts";

/** Maximum size of an authority's file in bytes. */
const maxCaBytes = 65_536;

/** The certificates of a file, PEM. @throws {KeyringError} `request_invalid` */
export async function authorityIn(path: string): Promise<string> {
  const text = utf8Text(await fileBytes(path, maxCaBytes)) ?? "";
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new KeyringError("request_invalid", `There is no certificate in PEM in ${visible(path)}.`);
}

/**
 * YAML that every reader reads alike.
 *
 * @module
 */
import type * as Yaml from "yaml";

/** The texts that are quoted. */
export type YamlQuotes =
  /** Those that YAML 1.2 would not read as the same text. */
  | "needed"
  /** Every text, and every key that is no plain word: for readers of YAML 1.1. */
  | "all";

/**
 * Characters that the version of YAML or its reader decides about. U+0085, U+2028 and U+2029 are line breaks in YAML 1.1;
 * go-yaml, which is in kubectl, refuses the others, or takes U+FEFF for the begin of a file.
 */
const ambiguous = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/;

const everyAmbiguous = new RegExp(ambiguous, "g");

/** A key that go-yaml reads as a text, unless it is a word such as `yes`: it merges `<<`, and `0o7` is a number. */
const plainKey = /^[A-Za-z][\w./-]*$/;

/**
 * A value as YAML, in which {@linkcode ambiguous} characters are escaped.
 *
 * @param yaml the package, which a client loads on demand.
 */
export function yamlText(
  { Document, Scalar, visit }: Pick<typeof Yaml, "Document" | "Scalar" | "visit">,
  value: unknown,
  quotes: YamlQuotes = "needed",
): string {
  const document = new Document(value, quotes === "all" ? { compat: "yaml-1.1" } : {});
  visit(document, {
    Scalar(place, node) {
      if (typeof node.value !== "string") return;
      // An escape is one in double quotes alone.
      if (ambiguous.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
      else if (quotes === "all" && place === "key" && plainKey.test(node.value)) node.type = Scalar.PLAIN;
    },
  });
  const text = document.toString(quotes === "all" ? { defaultStringType: Scalar.QUOTE_DOUBLE, lineWidth: 0 } : {});
  return text.replace(everyAmbiguous, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

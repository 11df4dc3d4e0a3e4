/**
 * Elements and texts of JUnit XML (XML 1.0).
 *
 * @module
 */

/** An element with attributes; children are elements, or texts of {@linkcode junitText}. */
export function junitElement(
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly string[],
): string {
  const head = `<${name}${Object.entries(attributes).map(([key, value]) => ` ${key}="${junitText(value)}"`).join("")}`;
  if (children.length === 0) return `${head}/>`;
  const body = children.flatMap((child) => child.split("\n")).map((text) => `  ${text}`);
  return [`${head}>`, ...body, `</${name}>`].join("\n");
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** A text or an attribute's value. A character that XML 1.0 does not permit becomes U+FFFD, and a line break becomes a space. */
export function junitText(text: string): string {
  return text.toWellFormed()
    .replace(/[\t\n\r]+/g, " ")
    .replace(/[\p{Cc}\ufffe\uffff]/gu, "\ufffd")
    .replace(/[&<>"]/g, (found) => entities[found] ?? found);
}
